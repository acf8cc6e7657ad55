// Runs one of the project's .ts files: node script/run.mjs src/sandbox/main.ts [arguments]
import { NODE_FLAGS, setUp } from "./setup.mjs";
import { ensureBuilt } from "./built.mjs";
import { SetupError, asProgram, stepAside } from "./command.mjs";

await asProgram(async () => {
  const [file, ...args] = process.argv.slice(2);
  if (file === undefined) throw new SetupError("Which file? node script/run.mjs FILE [arguments]");
  // The benchmarks and experiments start the program, and a Redis of their own; the rest needs neither.
  const startsProgram = /^test\/(bench|chaos)\//.test(file);
  const { node, redisServer, environment } = await setUp({ redis: startsProgram });
  const built = startsProgram ? await ensureBuilt(node) : {};
  const extra = redisServer ? { REDIS_SERVER: redisServer } : {};
  return stepAside(node, [...NODE_FLAGS, file, ...args], { ...environment, ...extra, ...built });
});
