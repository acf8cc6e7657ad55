// npm test: brings what is missing, then runs the tests. Arguments go to vitest: npm test -- test/domain
import { ensureChromium } from "./chromium.mjs";
import { asProgram, packageBin, say, stepAside } from "./command.mjs";
import { setUp } from "./setup.mjs";

await asProgram(async () => {
  const { node, redisServer, environment } = await setUp({ redis: true });
  const { program, obstacle } = await ensureChromium();
  const args = [packageBin("vitest/vitest.mjs"), "run", ...process.argv.slice(2)];
  const brought = { REDIS_SERVER: redisServer, ...(program !== undefined && { CHROMIUM: program }) };
  const code = await stepAside(node, args, { ...environment, ...brought });
  // At the end, where it is read.
  if (obstacle !== undefined)
    say(`Left out: test/browser, for want of a Chromium (${obstacle}): install chromium, or name one in CHROMIUM.`);
  return code;
});
