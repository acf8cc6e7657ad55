import { expect, it } from "vitest";
import { ADDRESS } from "../processors/line.ts";
import { API_KEY, inSystem, OUTBOUND_TOKEN } from "./system.ts";

const PLANTED = { street: "秘密通り4711", building: "Hidden Heights", notes: "the dog is called Xerxes" };
const SECRETS = [API_KEY, OUTBOUND_TOKEN, "sandbox-secret", "signs sessions"];
const PATH = "/api/services/internet/eligibility-request";

it("keeps what a customer wrote, and every key, out of the log and out of Redis", () =>
  inSystem(async (system) => {
    const handoff = await system.start({ LOG_LEVEL: "trace", RETRY_ATTEMPTS: "2" });
    const request = async (account: string) => ({
      accountId: await system.seed("accounts", account),
      address: { ...ADDRESS, street: PLANTED.street, building: PLANTED.building },
      notes: PLANTED.notes,
    });
    // One that goes through, one that waits, one that Salesforce refuses in the customer's own words, and ones that are refused at the door.
    const done = await handoff.accepted(PATH, await request("unasked"));
    await handoff.until(done.id, "completed");
    await system.fault({
      vendor: "salesforce",
      operation: "*",
      mode: "error",
      code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
      body: `${PLANTED.street} ${PLANTED.notes} is refused`,
    });
    const failed = await handoff.accepted(PATH, await request("fresh"));
    expect(await handoff.until(failed.id, "failed")).toMatchObject({ failure: { vendor: "salesforce" } });
    await system.fault({
      vendor: "salesforce",
      operation: "*",
      mode: "fail-before",
      times: 1000,
      body: `${PLANTED.street} <html>${PLANTED.notes}`,
    });
    const waiting = await handoff.accepted(PATH, await request("introduced"));
    await handoff.until(waiting.id, "retrying", "failed");
    for (const body of [
      { ...(await request("fresh")), [PLANTED.notes]: PLANTED.street },
      { ...(await request("fresh")), address: PLANTED.street },
      { ...(await request("fresh")), accountId: PLANTED.notes },
    ])
      expect((await handoff.post(PATH, body, { "idempotency-key": "request-1" })).status).toBe(422);
    expect((await handoff.post(`${PATH}?q=${encodeURIComponent(PLANTED.street)}`, {})).status).toBe(422);
    const wrongToken = `/salesforce/outbound-messages/${OUTBOUND_TOKEN}x`;
    expect((await handoff.post(wrongToken, PLANTED)).status).toBe(404);

    const stored = await system.redis.contents();
    handoff.signal("SIGTERM");
    expect(await handoff.ended).toEqual({ code: 0, signal: null });
    const logged = handoff.stdout() + handoff.stderr();
    expect(logged).toContain(failed.id);
    expect(stored).toContain(done.id);
    for (const secret of [...Object.values(PLANTED), ...SECRETS]) {
      for (const form of [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1)]) {
        expect(logged.includes(form), `${form} in the log`).toBe(false);
        expect(stored.includes(form), `${form} in Redis`).toBe(false);
      }
    }
  }));
