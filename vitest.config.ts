import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Begun first, so that none of them is still under way when all the others are over. A clean checkout knows no durations. */
const LONGEST = [
  "test/processors/crash-matrix.test.ts",
  "test/chaos/workers.test.ts",
  "test/chaos/redis.test.ts",
  "test/chaos/others.test.ts",
  "test/browser/group.test.ts",
  "test/e2e/interruptions.test.ts",
  "test/dashboard/sign-in.test.ts",
  "test/e2e/provisioning.test.ts",
  "test/e2e/doctor.test.ts",
  "test/script/start.test.ts",
  "test/e2e/secrecy.test.ts",
  "test/simulation/simulation.test.ts",
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(name));
      return at < 0 ? LONGEST.length : at;
    };
    return files.toSorted((one, other) => place(one) - place(other));
  }
}

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: "script/built.mjs",
    // The longest stories wait for a lock of 30 s to run out, on a machine that may be busy; each ends itself before this.
    testTimeout: 120_000,
    hookTimeout: 60_000,
    // Half of a test's time it waits, for a process that starts or a deadline that passes.
    maxWorkers: Math.ceil(1.5 * availableParallelism()),
    // No test changes a module, and loading them all anew for each file takes a tenth of the whole run.
    isolate: false,
    sequence: { sequencer: LongestFirst },
    // A listener or timer that is left open is a fault of the test: fail, do not hang.
    teardownTimeout: 10_000,
  },
});
