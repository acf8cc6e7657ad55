import { createTransport } from "nodemailer";
import { describe, expect, it, vi } from "vitest";
import { CREDENTIALS, call, inside, runningSandbox } from "./running-sandbox.ts";

const { url, smtpUrl, control, rest, whmcs, state, made } = runningSandbox();

const order = (fault: object) => control("POST", "faults", { vendor: "salesforce", operation: "create", ...fault });
const createCase = (signal?: AbortSignal) =>
  rest("POST", "sobjects/Case", { Subject: "new" }, signal === undefined ? {} : { signal });
const written = async () => {
  const cases = await made("salesforce", "Case");
  return cases.length > 0;
};

describe("each fault does what it says", () => {
  it("fail-before: an answer, and nothing written", async () => {
    await order({ mode: "fail-before", status: 502, body: "<html>Bad Gateway</html>" });
    expect(await createCase()).toMatchObject({ status: 502, body: "<html>Bad Gateway</html>" });
    expect(await written()).toBe(false);
  });

  it("fail-after: the same answer, and it is written", async () => {
    await order({ mode: "fail-after" });
    expect((await createCase()).status).toBe(503);
    expect(await written()).toBe(true);
  });

  it.each([
    ["hang-before", false],
    ["hang-after", true],
  ])("%s: no answer at all; written: %s", async (mode, isWritten) => {
    await order({ mode });
    await expect(createCase(AbortSignal.timeout(150))).rejects.toMatchObject({ name: "TimeoutError" });
    expect(await written()).toBe(isWritten);
    expect((await control("GET", "calls")).body).toContainEqual(
      expect.objectContaining({ operation: "create", status: null, fault: mode }),
    );
  });

  it.each([
    ["drop-before", false],
    ["drop-after", true],
  ])("%s: the connection is cut; written: %s", async (mode, isWritten) => {
    await order({ mode });
    await expect(createCase()).rejects.toMatchObject({
      cause: { code: expect.stringMatching(/UND_ERR_SOCKET|ECONNRESET/) as unknown },
    });
    expect(await written()).toBe(isWritten);
  });

  it("cut: half of the answer, and it is written", async () => {
    await order({ mode: "cut" });
    await expect(createCase()).rejects.toMatchObject({ message: "terminated" });
    expect(await written()).toBe(true);
  });

  it("endless: an answer that goes on and on, and it is written", async () => {
    await order({ mode: "endless" });
    await expect(createCase(AbortSignal.timeout(150))).rejects.toMatchObject({ name: "TimeoutError" });
    expect(await written()).toBe(true);
  });

  it("hits a later call where it is told to let others pass", async () => {
    await order({ mode: "fail-before", skip: 2 });
    const statuses = [];
    for (let call = 0; call < 4; call++) statuses.push((await createCase()).status);
    expect(statuses).toEqual([201, 201, 503, 201]);
  });

  it("slow: the ordinary answer, but later", async () => {
    await order({ mode: "slow", delayMs: 120 });
    const began = performance.now();
    expect((await createCase()).status).toBe(201);
    expect(performance.now() - began).toBeGreaterThan(115);
  });

  it("late: no answer, and the write lands after the caller has gone", async () => {
    await order({ mode: "late", delayMs: 200 });
    await expect(createCase(AbortSignal.timeout(60))).rejects.toMatchObject({ name: "TimeoutError" });
    expect(await written()).toBe(false);
    await vi.waitFor(async () => expect(await written()).toBe(true), { timeout: 5000 });
  });

  it("error: a refusal in the vendor's own shape", async () => {
    await order({ mode: "error", code: "REQUEST_LIMIT_EXCEEDED", body: "TotalRequests Limit exceeded." });
    expect(await createCase()).toMatchObject({
      status: 403,
      body: [{ errorCode: "REQUEST_LIMIT_EXCEEDED", message: "TotalRequests Limit exceeded." }],
    });
    await control("POST", "faults", {
      vendor: "whmcs",
      operation: "GetOrders",
      mode: "error",
      body: "Invalid IP 203.0.113.9",
      status: 403,
    });
    expect(await whmcs("GetOrders")).toMatchObject({
      status: 403,
      body: { result: "error", message: "Invalid IP 203.0.113.9" },
    });
    await control("POST", "faults", { vendor: "salesforce", operation: "token", mode: "error", code: "invalid_grant" });
    const token = await call(`${url()}/services/oauth2/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "client_credentials", ...CREDENTIALS }),
    });
    expect(token).toMatchObject({ status: 400, body: { error: "invalid_grant" } });
  });
});

describe("a fault", () => {
  it("hits as many calls as it was ordered for, and only its own operation", async () => {
    await order({ mode: "fail-before", times: 2 });
    expect((await rest("GET", "limits")).status).toBe(200);
    expect([(await createCase()).status, (await createCase()).status, (await createCase()).status]).toEqual([
      503, 503, 201,
    ]);
  });

  it("with a star hits any call to its vendor, and no other vendor", async () => {
    await control("POST", "faults", { vendor: "whmcs", operation: "*", mode: "fail-before" });
    expect((await createCase()).status).toBe(201);
    expect((await whmcs("GetProducts")).status).toBe(503);
  });

  it("is not used up by a call whose session has expired", async () => {
    await createCase();
    await order({ mode: "fail-after" });
    await control("POST", "expire-sessions");
    expect((await createCase()).status).toBe(401);
    expect((await control("GET", "faults")).body).toHaveLength(1);
  });

  it("can be taken back", async () => {
    await order({ mode: "fail-before", times: 100 });
    await control("DELETE", "faults");
    expect((await createCase()).status).toBe(201);
  });

  it("that makes no sense is refused with every problem", async () => {
    const { status, body } = await control("POST", "faults", { vendor: "fax", operation: "*", mode: "explode" });
    expect({ status, problems: inside(body, "errors") }).toMatchObject({
      status: 400,
      problems: [{ path: "vendor" }, { path: "mode" }],
    });
  });
});

describe("mail", () => {
  const send = (timeoutMs = 5000) =>
    createTransport({ url: smtpUrl(), greetingTimeout: timeoutMs, socketTimeout: timeoutMs }).sendMail({
      from: "a@sonixnet.example",
      to: "b@customer.example",
      subject: "s",
      text: "t",
      messageId: "<m@handoff.example>",
    });

  it.each([
    ["connect", 421, { code: "EPROTOCOL", responseCode: 421 }],
    ["mail", 451, { responseCode: 451 }],
    ["rcpt", 550, { code: "EENVELOPE", responseCode: 550 }],
    ["data", 452, { code: "EMESSAGE", responseCode: 452 }],
  ])("is refused at %s with %i", async (operation, status, error) => {
    await control("POST", "faults", { vendor: "mail", operation, mode: "error", status });
    await expect(send()).rejects.toMatchObject(error);
    expect(await state("mails")).toEqual([]);
  });

  it.each([
    ["fail-after", 1],
    ["drop-before", 0],
    ["drop-after", 1],
    ["hang-before", 0],
    ["hang-after", 1],
  ])("%s at the end of the data leaves %i mail", async (mode, mails) => {
    await control("POST", "faults", { vendor: "mail", operation: "data", mode });
    await expect(send(mode.startsWith("hang") ? 300 : 5000)).rejects.toThrow(Error);
    expect(await state("mails")).toHaveLength(mails);
  });
});
