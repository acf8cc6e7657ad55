import { describe, expect, it } from "vitest";
import {
  InDoubtError,
  isClassified,
  nothingHappened,
  RejectedError,
  UnavailableError,
  UnknownOutcomeError,
} from "../../src/domain/errors.ts";
import { loggableError } from "../../src/domain/loggable-error.ts";

const cause = new Error("socket hang up");
const fault = {
  code: "no-whmcs-client",
  title: "The account has no WHMCS client.",
  detail: "Fill in WH_Account__c, then retry.",
  vendor: "whmcs",
  cause,
} as const;
const rejected = new RejectedError(fault);
const unavailable = new UnavailableError({ ...fault, scope: "vendor" });
const unknown = new UnknownOutcomeError({ ...fault, mayStillLand: true });
const inDoubt = new InDoubtError(fault);

describe("a fault", () => {
  it.each([rejected, unavailable, unknown, inDoubt])(
    "reads as plain words, and knows where it came from: $name",
    (error) => {
      expect(error).toMatchObject({ ...fault, name: error.constructor.name });
      expect(error.message).toBe("The account has no WHMCS client. Fill in WH_Account__c, then retry.");
      expect(error.cause).toBe(cause);
      expect(isClassified(error)).toBe(true);
    },
  );

  it("that they refused, or that never got there, proves that nothing happened; no other does", () => {
    expect([rejected, unavailable, unknown, inDoubt, cause, "thrown", undefined].map(nothingHappened)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
      false,
    ]);
  });

  it("that nobody classified is none of ours", () => {
    expect([cause, { ...fault }, null, "thrown"].map(isClassified)).toEqual([false, false, false, false]);
  });

  it("that met only this call tells nothing about its vendor; a lost answer does, unless it says otherwise", () => {
    expect(unknown.scope).toBe("vendor");
    expect(new UnknownOutcomeError({ ...fault, mayStillLand: false, scope: "call" }).scope).toBe("call");
  });

  it("knows no wish for when to come again, unless the vendor named one", () => {
    expect(unavailable.retryAfterMs).toBeNull();
    expect(new UnavailableError({ ...fault, scope: "call", retryAfterMs: 5000 }).retryAfterMs).toBe(5000);
  });
});

describe("a fault in the log", () => {
  it("shows our own words, its causes, and where they came from", () => {
    const shown = loggableError(rejected);
    expect(shown).toMatchObject({ name: "RejectedError", code: "no-whmcs-client", vendor: "whmcs" });
    expect(shown.message).toBe(rejected.message);
    expect(shown.cause).toMatchObject({ name: "Error", at: expect.stringContaining("errors.test.ts") });
  });

  it("keeps what others say to itself, for it may quote a customer or a key", () => {
    const answer = Object.assign(new Error("Invalid e-mail taro@customer.example"), {
      code: "ERR_BAD_REQUEST",
      config: { data: "secret=whmcs-secret&city=渋谷区" },
      response: { data: "taro@customer.example" },
    });
    const shown = JSON.stringify(
      loggableError(new UnknownOutcomeError({ ...fault, mayStillLand: true, cause: answer })),
    );
    expect(shown).toContain("ERR_BAD_REQUEST");
    expect(shown).not.toMatch(/taro|whmcs-secret|渋谷区/);
  });

  it("shows the messages of Node and of Redis, which name hosts and commands only", () => {
    const refused = Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:6379"), {
      code: "ECONNREFUSED",
      syscall: "connect",
    });
    expect(loggableError(refused).message).toBe("connect ECONNREFUSED 127.0.0.1:6379");
    expect(loggableError(new Error("Connection is closed.")).message).toBe("Connection is closed.");
  });

  it("follows causes only so far, even in a circle", () => {
    const circle = new Error("one");
    circle.cause = new Error("other", { cause: circle });
    expect(JSON.stringify(loggableError(circle)).match(/"cause"/g)).toHaveLength(3);
  });

  it("shows nothing of a thrown value that is no error", () => {
    expect(loggableError("渋谷2-21-1")).toEqual({ name: "string" });
    expect(loggableError(undefined)).toEqual({ name: "undefined" });
  });
});
