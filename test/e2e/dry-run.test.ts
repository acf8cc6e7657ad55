import { expect, it } from "vitest";
import { FORM, openBrowser, signIn, vera, olga } from "../dashboard/site.ts";
import { API_KEY, inSystem, until } from "./system.ts";

it("what a job would do is seen at the desk by those who may act, and changes nothing", () =>
  inSystem(async (system) => {
    const people = [vera, olga].map(({ name, role, hash }) => `${name}:${role}:${hash.reveal()}`).join(";");
    // Each with its own role's settings only: the vendors' are the worker's.
    const [handoff, desk, worker] = await Promise.all([
      system.start({}, "api"),
      system.start({ DASHBOARD_USERS: people }, "dashboard"),
      system.start({ SWEEP_INTERVAL_MS: "86400000" }, "worker"),
    ]);
    await until(async () => (await system.jobs("approval-sweep", "completed")) > 0 || undefined, worker); // it finds nothing yet
    const orderId = await system.approvedOrder();
    const order = await system.record("Order", orderId);
    const account = String(order?.["AccountId"]);
    const client = (await system.record("Account", account))?.["WH_Account__c"];

    const tried = await handoff.post("/api/provisioning?dryRun=true", { orderId });
    expect(tried.status).toBe(200);
    expect(await tried.json()).toMatchObject({
      wouldBe: "new",
      plan: { ending: { state: "completed", outcome: "done" } },
    });
    expect(await system.asked("AddOrder")).toBe(0);

    const form = new FormData();
    form.set("accountId", account);
    form.set("file", new Blob(["%PDF-1.7\nTARO YAMADA"]), "card.pdf");
    const headers = { authorization: `Bearer ${API_KEY}` };
    const uploadAt = `${handoff.url}/api/verification/residence-card?dryRun=true`;
    const upload = await fetch(uploadAt, { method: "POST", headers, body: form });
    expect([upload.status, await upload.json()]).toMatchObject([
      200,
      {
        wouldBe: "new",
        plan: { ending: { outcome: "done" }, writes: [{ system: "salesforce" }, {}, { system: "documents" }] },
      },
    ]);
    expect(await system.asked("create")).toBe(0);

    await system.edit("Account", account, { WH_Account__c: null });
    const { id } = await handoff.accepted("/api/provisioning", { orderId });
    await handoff.until(id, "failed");
    await system.edit("Account", account, { WH_Account__c: client });
    const failed = await handoff.job(id);

    const viewer = openBrowser(desk);
    await signIn(viewer, { name: "vera" });
    const at = `/desk/jobs/${id}`;
    expect(await (await viewer.get(at)).text()).not.toContain("What would it do now?");
    expect((await viewer.send("POST", `${at}/dry-run`, { headers: FORM })).status).toBe(403);

    const operator = openBrowser(desk);
    await signIn(operator, { name: "olga" });
    expect(await (await operator.get(at)).text()).toContain("What would it do now?");
    const foreign = { ...FORM, "sec-fetch-site": "cross-site" };
    expect((await operator.send("POST", `${at}/dry-run`, { headers: foreign })).status).toBe(403);
    const page = await operator.send("POST", `${at}/dry-run`, { headers: FORM });
    expect(page.status).toBe(200);
    const text = await page.text();
    for (const shown of ["Nothing was changed", "whmcs: AddOrder", "whmcs: AcceptOrder", "It would end: done"])
      expect(text).toContain(shown);
    expect(text).toContain("&lt;the new WHMCS order&#39;s id&gt;");

    expect(await system.asked("AddOrder")).toBe(0);
    expect(await handoff.job(id)).toEqual(failed);
    const redis = system.redis.connect();
    const entries = await redis.xrevrange("{handoff}:audit", "+", "-", "COUNT", 1);
    redis.disconnect();
    expect(JSON.parse(entries[0]?.[1][1] ?? "")).toMatchObject({ who: "olga", what: "dry run", to: { job: id } });

    const link = `href="${at}"`;
    for (const shown of ["Every write is taken as accepted", "Retry this job</button>", link])
      expect(text).toContain(shown);
    expect(text).not.toContain("Last time it failed");
    const again = await operator.get(`${at}/dry-run`); // as where the language is changed there, or somebody signs in again
    expect([again.status, again.headers.get("location")]).toEqual([303, at]);

    const body = "Invalid Payment Method. Valid options include creditcard";
    await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "error", body });
    await operator.send("POST", at, { body: "what=retry&why=", headers: FORM });
    const hasBeenRefused = async () => (await handoff.job(id)).failure?.code === "whmcs-payment-method" || undefined;
    await until(hasBeenRefused, worker);
    await handoff.until(id, "failed");
    await operator.get("/desk/lang/ja");
    const refused = await (await operator.send("POST", `${at}/dry-run`, { headers: FORM })).text();
    for (const shown of [
      "完了します: done",
      "前回は「add the order」で失敗しました",
      "WHMCS does not know the payment method.",
    ])
      expect(refused).toContain(shown);

    await operator.send("POST", at, { body: "what=retry&why=", headers: FORM });
    await handoff.until(id, "completed");
    expect((await operator.send("POST", `${at}/dry-run`, { headers: FORM })).status).toBe(409);
  }));
