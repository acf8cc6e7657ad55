import { describe, expect, it } from "vitest";
import { newsOf } from "../../src/queues/job-events.ts";
import { type JobView, newJobView, type StepState } from "../../src/queues/job-view.ts";

const queued = newJobView("job-1", "parcel", "portal", new Date(0));
let clock = 0;
const step = (name: string, state: StepState) => ({ name, state, at: new Date(++clock).toISOString() });
const failure = { code: "x", title: "X.", detail: "X.", vendor: null, retryable: true, at: new Date(0).toISOString() };

const weighed = step("weigh", "done");
const sending = step("send", "active");
const active: JobView = { ...queued, state: "active", attempts: 1, steps: [weighed, sending] };
const retrying: JobView = { ...active, state: "retrying", failure, nextAttemptAt: new Date(5000).toISOString() };
const again: JobView = { ...active, attempts: 2, failure };
const sent: JobView = { ...again, steps: [weighed, step("send", "done")] };
const done: JobView = {
  ...sent,
  state: "completed",
  outcome: "done",
  result: {},
  finishedAt: new Date(9).toISOString(),
};
const story = [queued, active, retrying, again, sent, done];

/** What someone hears who looks at `views` one after the other. */
function heard(views: readonly JobView[], last = ""): readonly string[] {
  let told = last;
  return views.flatMap((view) => {
    const news = newsOf(view, told);
    told = news.at(-1)?.id ?? told;
    return news.map(({ event, data }) => `${event} ${"name" in data ? `${data.name} ` : ""}${data.state}`);
  });
}

describe("what of a job is news", () => {
  it("is each state, each step as it gets there, and the end after all", () => {
    expect(heard(story)).toEqual([
      "state queued",
      "state active",
      "step weigh done",
      "step send active",
      "state retrying",
      "state active",
      "step send done",
      "state completed",
      "end completed",
    ]);
  });

  it("leaves out what happened between two looks, and tells the end after the steps", () => {
    expect(heard([queued, done])).toEqual([
      "state queued",
      "step weigh done",
      "step send done",
      "state completed",
      "end completed",
    ]);
  });

  it("is nothing a second time, wherever the listener was cut off", () => {
    const all = story.flatMap((view, at) => {
      const before = story.slice(0, at).reduce((told, earlier) => newsOf(earlier, told).at(-1)?.id ?? told, "");
      return newsOf(view, before);
    });
    for (const [at, { id }] of all.entries()) {
      // Who was told up to here hears of the last view all that it holds and was not told.
      const told = all.slice(0, at + 1).map(({ event, data }) => JSON.stringify([event, data]));
      const rest = newsOf(done, id).map(({ event, data }) => JSON.stringify([event, data]));
      expect(rest.filter((event) => told.includes(event))).toEqual([]);
      const missing = all.filter(({ data }) => data !== done && [...done.steps].some((known) => known === data)).length;
      expect(missing).toBe(2);
      expect(rest.length > 0).toBe(at < all.length - 1);
    }
  });

  it("is everything to whoever comes with an id that is none of ours", () => {
    for (const id of ["nonsense", ".", "x".repeat(100_000), "abcdef.abcde", "__proto__", "\u0000"])
      expect(heard([done], id)).toEqual(heard([done]));
  });

  it("is a step that was begun anew, though an earlier attempt was told of it", () => {
    const anew: JobView = { ...again, steps: [step("weigh", "active")] };
    expect(heard([active, anew]).slice(-2)).toEqual(["state active", "step weigh active"]);
  });

  it("is why a job waits and until when, and another reason is news", () => {
    const told = (view: JobView, last: string) => newsOf(view, last).filter(({ event }) => event === "state");
    const [first, ...none] = told(retrying, "");
    const { nextAttemptAt } = retrying;
    expect(none).toEqual([]);
    expect(first?.data).toEqual({ state: "retrying", attempts: 1, nextAttemptAt, failure });
    const other = { ...failure, code: "y" };
    const [second] = told({ ...retrying, failure: other }, first?.id ?? "");
    expect(second?.data).toEqual({ state: "retrying", attempts: 1, nextAttemptAt, failure: other });
  });

  it("is nothing of a failure while the job is under way again, nor of one that never was", () => {
    for (const view of [active, again])
      expect(newsOf(view, "").at(0)?.data).toStrictEqual({ state: "active", attempts: view.attempts });
    expect(newsOf(queued, "").at(0)?.data).toStrictEqual({ state: "queued", attempts: 0 });
  });

  it("is not that a job waits a little longer for its turn", () => {
    const longer = { ...retrying, nextAttemptAt: new Date(6000).toISOString() };
    expect(heard([retrying, longer])).toEqual(heard([retrying]));
  });

  it("goes on after a failure that a person retried, and ends again", () => {
    const failed: JobView = { ...active, state: "failed", failure };
    const failedAgain: JobView = { ...again, state: "failed", failure: { ...failure, at: new Date(1).toISOString() } };
    expect(heard([failed, failed, { ...queued, steps: active.steps }, failedAgain]).slice(3)).toEqual([
      "end failed",
      "state queued",
      "state failed",
      "end failed",
    ]);
    expect(heard([failed, failedAgain]).slice(-2)).toEqual(["state failed", "end failed"]); // nobody looked in between
  });
});
