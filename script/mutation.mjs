// npm run mutation: changes src/queues, one place at a time, and says which changes no test notices. Arguments are
// files: npm run mutation -- src/queues/retry.ts
import path from "node:path";
import { asProgram, ROOT, stepAside } from "./command.mjs";
import { ensurePackages } from "./packages.mjs";
import { setUp } from "./setup.mjs";

const FOLDER = path.join(ROOT, "tools", "mutation");

await asProgram(async () => {
  const files = process.argv.slice(2);
  const { node, redisServer, environment } = await setUp({ redis: true });
  await ensurePackages(FOLDER, "Fetching Stryker into tools/mutation …");
  const args = [
    path.join(FOLDER, "node_modules", "@stryker-mutator", "core", "bin", "stryker.js"),
    "run",
    path.join(FOLDER, "stryker.config.mjs"),
    ...(files.length > 0 ? ["--mutate", files.join(",")] : []),
  ];
  return stepAside(node, args, { ...environment, REDIS_SERVER: redisServer });
});
