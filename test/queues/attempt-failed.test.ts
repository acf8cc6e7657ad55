import { expect, it } from "vitest";
import { RejectedError, UnavailableError } from "../../src/domain/errors.ts";
import { AttemptFailed, failureOf } from "../../src/queues/attempt-failed.ts";

const said = { code: "no-such-account", title: "No.", detail: "Nobody has it.", vendor: "freebit" } as const;

it("what is kept of a failed attempt says where in the code it was, and nothing of what a vendor said", () => {
  const cause = new TypeError("Taro Yamada\nis not a function");
  const { stack } = new AttemptFailed(new RejectedError({ ...said, cause }), null);
  expect(stack).toContain("attempt-failed.test.ts");
  expect(stack).not.toMatch(/Yamada|is not a function/);
  expect(new AttemptFailed(new RejectedError(said), null).stack).toContain("attempt-failed.test.ts");
});

it("a failure tells whether it helps to try again", () => {
  expect(failureOf(new UnavailableError({ ...said, scope: "vendor" })).retryable).toBe(true);
  expect(failureOf(new RejectedError(said)).retryable).toBe(false);
});
