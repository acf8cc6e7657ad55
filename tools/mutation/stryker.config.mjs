/** What is changed, one place at a time, to see whether a test fails: run by script/mutation.mjs. */
export default {
  testRunner: "vitest",
  vitest: { configFile: "tools/mutation/vitest.config.ts" },
  mutate: ["src/queues/*.ts"],
  mutator: {
    // Texts are Lua scripts and Redis keys (emptied, nothing works), words for people and the log (free to be worded
    // otherwise), and names of states, with which tsc is stricter than any test.
    excludedMutations: ["StringLiteral"],
  },
  // Each change is tried by the tests that reach it. What a module does once when it is loaded (shapes of zod, constants)
  // is reached by none in particular: such a change would need all of them.
  coverageAnalysis: "perTest",
  ignoreStatic: true,
  // It works on a copy, of what the tests read.
  ignorePatterns: [
    "*",
    "!src/**",
    "!test/**",
    "!templates/**",
    "!script/**",
    "!tools/mutation/vitest.config.ts",
    "!package.json",
  ],
  tempDirName: ".tools/mutation",
  // It would read that by an interface of TypeScript's which 7 has no longer; the tests run without.
  tsconfigFile: "none",
  concurrency: 2,
  timeoutMS: 10_000,
  reporters: ["clear-text", "json", "progress-append-only"],
  clearTextReporter: { allowColor: false, logTests: false, reportTests: false },
  jsonReporter: { fileName: ".tools/mutation.json" },
};
