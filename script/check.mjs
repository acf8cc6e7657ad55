// npm run check: format, lint, types and unused code. Everything that a machine can say about the source.
import { asProgram, packageBin, run, say } from "./command.mjs";
import { setUp } from "./setup.mjs";

const CHECKS = [
  { name: "format", program: "oxfmt/bin/oxfmt", args: ["--check", "."] },
  { name: "lint", program: "oxlint/bin/oxlint", args: ["--type-aware", "--report-unused-disable-directives"] },
  { name: "types", program: "typescript/bin/tsc", args: ["-p", "."] },
  { name: "unused", program: "knip/bin/knip.js", args: ["--no-progress"] },
];

await asProgram(async () => {
  const { node, environment } = await setUp();
  let failures = 0;
  for (const { name, program, args } of CHECKS) {
    const started = Date.now();
    const { code, output } = await run(node, [packageBin(program), ...args], { env: environment });
    say(`${code === 0 ? "ok    " : "FAILED"}  ${name.padEnd(8)}${((Date.now() - started) / 1000).toFixed(1)} s`);
    if (code === 0) continue;
    failures += 1;
    say(`\n${output.trimEnd()}\n`);
  }
  return failures === 0 ? 0 : 1;
});
