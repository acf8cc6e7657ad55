import { expect, it } from "vitest";
import { jobView } from "../../src/queues/job-view.ts";

const failure = { code: "x", title: "X.", detail: "X.", vendor: null, retryable: false, at: new Date(0).toISOString() };
const failed = { kind: "parcel", accepted: "0", attempts: "3", failed: "1000", failure: JSON.stringify(failure) };

it.each([
  ["has failed before BullMQ hears of it", { attemptsMade: 2, processedOn: 900 }, "failed", 3],
  ["goes on from the moment that it is taken up after a retry", { attemptsMade: 3, processedOn: 2000 }, "active", 4],
  ["has failed though BullMQ counted one more", { attemptsMade: 3, processedOn: 900 }, "failed", 3],
  ["has failed though its worker's clock is ahead", { attemptsMade: 2, processedOn: 2000 }, "failed", 3],
] as const)("a job %s", (_what, queued, state, attempts) => {
  const view = jobView("job-1", failed, { state: "active", finishedOn: undefined, ...queued });
  expect([view.state, view.attempts]).toEqual([state, attempts]);
});
