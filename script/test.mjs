// npm test: brings what is missing, then runs the tests. Arguments go to vitest: npm test -- test/domain
import path from "node:path";
import { asProgram, packageBin, ROOT, stepAside } from "./command.mjs";
import { setUp } from "./setup.mjs";

await asProgram(async () => {
  const { node, redisServer, environment } = await setUp({ redis: true });
  const args = [packageBin("vitest/vitest.mjs"), "run", ...process.argv.slice(2)];
  // The tests start the program a hundred times.
  const NODE_COMPILE_CACHE = path.join(ROOT, ".tools", "compile-cache");
  return stepAside(node, args, { NODE_COMPILE_CACHE, ...environment, REDIS_SERVER: redisServer });
});
