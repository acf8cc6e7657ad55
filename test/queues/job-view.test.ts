import { describe, expect, it } from "vitest";
import { jobView, newJobView, type QueuedJob } from "../../src/queues/job-view.ts";

const at = (seconds: number) => new Date(seconds * 1000).toISOString();

const failure = { code: "x", title: "X.", detail: "X.", vendor: null, retryable: false, at: at(1) };

/** Ledgers, as far as they have come. */
const accepted = { kind: "parcel", accepted: "0", door: "portal" };
const again = { ...accepted, attempts: "1", failure: JSON.stringify(failure) };
const paused = { ...again, next: "5000" };
const failed = { ...accepted, attempts: "3", failed: "1000", failure: JSON.stringify(failure) };
const done = {
  ...accepted,
  attempts: "1",
  finished: "2000",
  outcome: JSON.stringify({ outcome: "done", result: { parcel: "P-1" } }),
};

/** What BullMQ says. */
const inQueue = (state: string, more: Partial<QueuedJob> = {}): QueuedJob => ({
  state,
  finishedOn: undefined,
  processedOn: undefined,
  attemptsMade: 0,
  ...more,
});

describe("a job", () => {
  it.each([
    ["waits for its first attempt", accepted, inQueue("waiting"), "queued", 0],
    ["waits, as far as anyone knows, though its queue has it no more", accepted, null, "queued", 0],
    ["waits for the job before it to end", accepted, inQueue("delayed"), "queued", 0],
    ["is under way", accepted, inQueue("active"), "active", 1],
    [
      "waits for the job before it, of which BullMQ has not heard",
      { ...accepted, next: "5000" },
      inQueue("active"),
      "queued",
      0,
    ],
    ["comes again, of which BullMQ has not heard", paused, inQueue("active"), "retrying", 1],
    ["comes again", paused, inQueue("delayed"), "retrying", 1],
    ["has failed", failed, inQueue("failed"), "failed", 3],
    ["has failed, though somebody took it out of its queue", failed, null, "failed", 3],
    ["has failed, of which only BullMQ knows", accepted, inQueue("failed"), "failed", 0],
    ["waits again, once a person retried it", failed, inQueue("waiting"), "queued", 3],
    ["is completed", done, inQueue("completed"), "completed", 1],
    ["is completed before BullMQ hears of it", done, inQueue("active"), "completed", 1],
    ["is completed, and its queue has forgotten it", done, null, "completed", 1],
  ] as const)("%s", (_what, ledger, queued, state, attempts) => {
    const view = jobView("job-1", ledger, queued);
    expect([view.state, view.attempts]).toEqual([state, attempts]);
  });

  it.each([
    ["has failed before BullMQ hears of it", { attemptsMade: 2, processedOn: 900 }, "failed", 3],
    ["goes on from the moment that it is taken up after a retry", { attemptsMade: 3, processedOn: 2000 }, "active", 4],
    ["has failed though BullMQ counted one more", { attemptsMade: 3, processedOn: 900 }, "failed", 3],
    ["has failed though its attempt took no time at all", { attemptsMade: 3, processedOn: 1000 }, "failed", 3],
    ["has failed though its worker's clock is ahead", { attemptsMade: 2, processedOn: 2000 }, "failed", 3],
  ] as const)("%s", (_what, queued, state, attempts) => {
    const view = jobView("job-1", failed, inQueue("active", queued));
    expect([view.state, view.attempts]).toEqual([state, attempts]);
  });

  it("looks when it was just accepted as it does when it is read a moment later", () => {
    expect(newJobView("job-1", "parcel", "portal", new Date(0))).toEqual(
      jobView("job-1", accepted, inQueue("waiting")),
    );
  });

  it("tells its kind, when it was asked for, and by which doors, the first one first", () => {
    const view = jobView("job-1", { ...accepted, accepted: "7000", door: "portal\nsalesforce" }, inQueue("waiting"));
    expect(view).toMatchObject({
      id: "job-1",
      kind: "parcel",
      createdAt: at(7),
      doors: ["portal", "salesforce"],
      links: { self: "/api/jobs/job-1", events: "/api/jobs/job-1/events" },
    });
  });

  it("has no doors, where the ledger was lost that named them", () => {
    const found = { kind: "parcel", accepted: "0" };
    expect(jobView("job-1", found, inQueue("waiting")).doors).toEqual([]);
  });

  it("tells its steps in the order that they began, and nothing of what they gave", () => {
    const step = (n: number, state: string, seconds: number) =>
      JSON.stringify({ n, state, at: seconds * 1000, result: "sealed" });
    const ledger = { ...accepted, "step send": step(2, "active", 4), "step weigh": step(1, "done", 3), steps: "2" };
    expect(jobView("job-1", ledger, inQueue("active")).steps).toEqual([
      { name: "weigh", state: "done", at: at(3) },
      { name: "send", state: "active", at: at(4) },
    ]);
  });

  it("says when it comes again, only while that is what it waits for", () => {
    expect(jobView("job-1", paused, inQueue("delayed")).nextAttemptAt).toBe(at(5));
    for (const [ledger, queued] of [
      [{ ...accepted, next: "5000" }, inQueue("delayed")],
      [{ ...failed, next: "5000" }, inQueue("failed")],
      [{ ...accepted, failure: JSON.stringify(failure) }, inQueue("delayed")],
    ] as const)
      expect(jobView("job-1", ledger, queued)).not.toHaveProperty("nextAttemptAt");
  });

  it("says what came of it, and when it ended", () => {
    expect(jobView("job-1", done, null)).toMatchObject({
      outcome: "done",
      result: { parcel: "P-1" },
      failure: null,
      finishedAt: at(2),
    });
    expect(jobView("job-1", failed, inQueue("failed", { finishedOn: 9000 })).finishedAt).toBe(at(1));
    for (const [ledger, queued] of [
      [accepted, inQueue("waiting")],
      [paused, inQueue("delayed")],
      [failed, inQueue("waiting")],
    ] as const)
      expect(jobView("job-1", ledger, queued)).toMatchObject({ finishedAt: null, outcome: null, result: null });
  });

  it("says why it failed, or comes again, until it waits for a person's retry", () => {
    expect(jobView("job-1", failed, inQueue("failed")).failure).toEqual(failure);
    expect(jobView("job-1", paused, inQueue("delayed")).failure).toEqual(failure);
    expect(jobView("job-1", again, inQueue("active")).failure).toEqual(failure);
    expect(jobView("job-1", failed, inQueue("waiting")).failure).toBeNull();
    expect(jobView("job-1", accepted, inQueue("active")).failure).toBeNull();
  });

  it("that a business rule ended says so where a failure would stand, and that no attempt helps", () => {
    const reason = { code: "too-heavy", title: "Too heavy.", detail: "Ask a carrier." };
    const rejected = { ...done, outcome: JSON.stringify({ outcome: "rejected", result: {}, reason }) };
    expect(jobView("job-1", rejected, null).failure).toEqual({ ...reason, vendor: null, retryable: false, at: at(2) });
  });

  it("that failed earlier and was done in the end has no failure", () => {
    expect(jobView("job-1", { ...done, failure: JSON.stringify(failure) }, null).failure).toBeNull();
  });

  it("that BullMQ gave up says so, and that a person may retry it", () => {
    const view = jobView("job-1", accepted, inQueue("failed", { finishedOn: 9000 }));
    expect(view.finishedAt).toBe(at(9));
    expect(view.failure).toMatchObject({ code: "given-up", vendor: null, retryable: true, at: at(9) });
  });

  it("that failed, and that nothing is known of any more, gives no reason", () => {
    expect(jobView("job-1", { ...accepted, failed: "1000" }, null)).toMatchObject({ state: "failed", failure: null });
  });
});
