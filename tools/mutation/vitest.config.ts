import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Begun first, for they need no Redis: the first test that fails is the last one of a change. */
const QUICKEST = ["retry", "job-view", "job-events", "sealing", "calls", "failed-job", "simulation"];

class QuickestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const at = QUICKEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return at < 0 ? QUICKEST.length : at;
    };
    return files.toSorted((one, other) => place(one) - place(other));
  }
}

/** The tests of src/queues that are quick enough to be run once for each change. */
export default defineConfig({
  test: {
    include: ["test/queues/*.test.ts", "test/simulation/simulation.test.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    isolate: false,
    env: { WORLDS: "20" },
    sequence: { sequencer: QuickestFirst },
  },
});
