// npm test: brings what is missing, then runs the tests. Arguments go to vitest: npm test -- test/domain
import { asProgram, packageBin, stepAside } from "./command.mjs";
import { setUp } from "./setup.mjs";

await asProgram(async () => {
  const { node, redisServer, environment } = await setUp({ redis: true });
  const args = [packageBin("vitest/vitest.mjs"), "run", ...process.argv.slice(2)];
  return stepAside(node, args, { ...environment, REDIS_SERVER: redisServer });
});
