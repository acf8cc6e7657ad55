import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import { deskRoutes } from "../../src/dashboard/desk/desk.ts";
import { envelope, notification, notificationId } from "../api/salesforce.ts";
import { vendorsOf } from "../e2e/planted.ts";
import { OUTBOUND_TOKEN } from "../e2e/system.ts";
import { atTheDesk, once } from "./desk.ts";

const COMMENT = "花子の回線、夜は電話に出ない";
const KEY = "k".repeat(255);

atTheDesk(vendorsOf, (desk) => {
  /** A SIM's cancellation that waits for a person: the number has a typo. The stories share it; the last one closes it. */
  const cancellation = once(async () => {
    const { system, handoff } = desk();
    const { seed } = await system.state();
    const simNumber = (seed.sims["activeSim"] ?? "").replace(/.$/, (digit) => (digit === "1" ? "2" : "1"));
    const accountId = seed.accounts["activeSim"] ?? "";
    const path = "/api/services/sim/cancellation";
    const { months } = (await (await handoff.get(`${path}-months`)).json()) as { months: string[] }; // the contract's section 4
    const body = { accountId, serviceId: Number(seed.services["activeSim"]), simNumber, month: months[1] };
    const answer = await handoff.post(path, { ...body, comments: COMMENT }, { "idempotency-key": KEY });
    const { id } = (await answer.json()) as { id: string }; // as above
    await handoff.until(id, "failed");
    return { id, simNumber, accountId };
  });

  it("an operator sees what broke and whose order it is, mends it, presses one button and sees it done", async () => {
    const { system, handoff, visit } = desk();
    const orderId = await system.seed("orders", "pendingWithoutClient");
    await system.edit("Order", orderId, { Status: "Approved" });
    const { id } = await handoff.accepted("/api/provisioning", { orderId });
    await handoff.until(id, "failed");

    const page = await visit("olga");
    await page.getByRole("link", { name: "1 job · provisioning: The account has no WHMCS client." }).click();
    await page.getByRole("heading", { name: "The account has no WHMCS client." }).waitFor();
    expect(await page.getByRole("main").innerText()).toContain("Salesforce admin");
    await page.getByRole("link", { name: id }).click();
    await page.getByRole("heading", { name: "provisioning: needs a person" }).waitFor();
    const account = await system.seed("accounts", "withoutClient");
    await page.getByRole("link", { name: `Salesforce Account ${account}` }).waitFor();
    await page
      .getByText("What was done before is not known for sure: a retry looks at the other system before each write.")
      .waitFor();

    await system.edit("Account", account, { WH_Account__c: 1012 });
    await system.fault({ vendor: "whmcs", operation: "AddOrder", mode: "slow", delayMs: 900 });
    await page.getByRole("button", { name: "Retry this job" }).click();
    await page.waitForURL(`**/desk/jobs/${id}`);
    await page.evaluate("window.sameAsBefore = true");
    await page.getByRole("heading", { name: "provisioning: is done" }).waitFor();
    await page.getByText("Ended: done").waitFor();
    await page.getByRole("link", { name: /WHMCS order \d+/ }).waitFor();
    expect(await page.evaluate("window.sameAsBefore")).toBe(true);
    expect(await page.getByRole("button").count()).toBe(0);

    await page.getByText(/^whmcs AddOrder · done · \d+ ms$/).waitFor();
    const story = await page.locator(".story > li").allInnerTexts();
    const told = ["Accepted: portal", "Attempt 1 failed", "olga retried it", "“add the order” was done", "Ended: done"];
    const places = told.map((words) => story.findIndex((line) => line.includes(words)));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(places).not.toContain(-1);
  });

  it("a viewer sees everything masked, finds no button, and is refused whatever they send", async () => {
    const { handoff, visit } = desk();
    const { id, simNumber } = await cancellation();
    const page = await visit("vera");
    await page.getByRole("link", { name: /cancellation: The SIM's number/ }).click();
    await page.getByRole("link", { name: id }).waitFor();
    expect(await page.getByRole("button").count()).toBe(0);
    await page.getByRole("link", { name: id }).click();
    await page.getByRole("heading", { name: "cancellation: needs a person" }).waitFor();
    expect(await page.getByRole("button").count()).toBe(0);
    const source = await page.content();
    expect(source).toContain("••• hidden");
    for (const hidden of [COMMENT, simNumber, "sealed:v"]) expect(source).not.toContain(hidden);

    const group = new URL((await page.locator("section a").first().getAttribute("href")) ?? "", handoff.url).pathname;
    const changing = paths("post").filter((path) => path !== "/find"); // it posts what an address must not hold
    const posts = changing.map((path) =>
      path.startsWith("/groups") ? path.replace("/groups/:id", group.slice("/desk".length)) : path.replace(":id", id),
    );
    expect(posts.length).toBeGreaterThan(3);
    const form = { what: "retry", why: "I can", rate: "20", most: "", state: "running", confirmed: "yes" };
    for (const path of posts) {
      const answer = await page.request.post(`/desk${path}`, { form, headers: { origin: handoff.url } });
      expect([path, answer.status()]).toEqual([path, 403]);
    }
    expect(await handoff.job(id)).toMatchObject({ state: "failed", attempts: 1 });
    for (const path of ["/desk/audit", `/desk/jobs/${id}/edit`])
      expect((await page.request.get(path)).status()).toBe(403);
  });

  it("an operator looks at what is hidden for a reason, and an admin reads that they did", async () => {
    const { visit } = desk();
    const { id, simNumber } = await cancellation();
    const page = await visit("olga", `/desk/jobs/${id}`);
    expect(await page.content()).not.toContain(COMMENT);
    await page.getByText("Show what is hidden").first().click();
    const form = page.locator("form").filter({ has: page.getByRole("button", { name: "Show what is hidden" }) });
    await form.getByRole("button").click(); // without a reason the browser asks for one
    expect(await page.content()).not.toContain(COMMENT);
    await form.getByLabel("Why").fill("she calls about this line");
    await form.getByRole("button").click();
    await page.getByText("It was written to the audit log that you looked.").waitFor();
    expect(await page.locator("pre").innerText()).toContain(COMMENT);
    expect(await page.locator("pre").innerText()).toContain(simNumber);
    expect(page.url()).not.toContain("why");

    const audit = await visit("adam", "/desk/audit");
    const row = audit.getByRole("row").filter({ hasText: "job revealed" });
    expect(await row.innerText()).toMatch(/olga[\s\S]*she calls about this line/);
    await row.getByRole("link", { name: id }).click();
    await audit.getByText("olga looked at what is hidden: she calls about this line").waitFor();
    expect(await audit.content()).not.toContain(COMMENT);
  });

  it("finds a job by whatever it is known by", async () => {
    const { system, handoff, visit } = desk();
    const { id, simNumber, accountId } = await cancellation();
    const orderId = await system.approvedOrder();
    const message = envelope([notification(1, "Approved", orderId)]);
    const url = `${handoff.url}/salesforce/outbound-messages/${OUTBOUND_TOKEN}`;
    await fetch(url, { method: "POST", headers: { "content-type": "text/xml" }, body: message });
    const { id: ordered } = await handoff.accepted("/api/provisioning", { orderId });
    await handoff.until(ordered, "completed");
    const hyphenated = simNumber.replace(/^(...)(....)(....)$/, "$1-$2-$3");
    expect(hyphenated).toMatch(/-.*-/);

    const page = await visit("vera", "/desk/find");
    await find(page, hyphenated);
    await page.getByRole("link", { name: id }).waitFor();
    for (const asked of [id, simNumber, accountId, accountId.slice(0, 15), KEY]) {
      await find(page, asked);
      expect(await page.locator("tbody a").allInnerTexts()).toEqual([id]);
    }
    const opportunityId = await system.seed("opportunities", "approvedApartment");
    for (const asked of [orderId, opportunityId, ordered, notificationId(1), notificationId(1).slice(0, 15)]) {
      await find(page, asked);
      expect([asked, await page.locator("tbody a").allInnerTexts()]).toEqual([asked, [ordered]]);
    }
    await page.goto(`/desk/find?q=${id}`); // nothing is looked for by an address, where a SIM's number might come to stand
    expect(await page.getByRole("textbox").inputValue()).toBe("");
    expect(await page.locator("tbody").count()).toBe(0);
    await find(page, accountId.toLowerCase());
    await page.getByText("No job is known by exactly this.").waitFor();

    await find(page, accountId);
    await page.getByRole("link", { name: "All jobs of this account" }).click();
    await page.getByRole("heading", { name: "What the customer sees now" }).waitFor();
    expect(await page.locator(".story").innerText()).toContain("cancellation: Accepted: portal");
  });

  it("what somebody has begun to type stays, though the page renews itself around it", async () => {
    const { system, visit } = desk();
    const { id } = await cancellation();
    const [page, other] = [await visit("olga", `/desk/jobs/${id}`), await visit("olga", `/desk/jobs/${id}`)];
    await page.getByLabel("Why, if you like").fill("half a reason");
    await page.getByRole("heading", { level: 1 }).click();
    const redis = system.redis.connect();
    await redis.hset(`{handoff}:ledger:${id}`, "suspect", "1");
    await redis.rpush(`{handoff}:ledger:${id}:story`, JSON.stringify({ what: "died", at: Date.now() }));
    redis.disconnect();
    await other.getByText("What was done before is not known for sure").waitFor();
    await page.getByText("The process that ran this job died").waitFor();
    expect(await page.getByLabel("Why, if you like").inputValue()).toBe("half a reason");
  });

  it("an operator closes a job without doing it, and says why", async () => {
    const { handoff, visit } = desk();
    const { id } = await cancellation();
    const page = await visit("olga", `/desk/jobs/${id}`);
    await page.getByText("Close without doing it").first().click();
    const form = page.locator("form").filter({ has: page.getByRole("button", { name: "Close without doing it" }) });
    await form.getByLabel("Why").fill("she keeps her line");
    await form.getByRole("button").click();
    await page.getByRole("heading", { name: "cancellation: is done" }).waitFor();
    await page.getByText("olga closed it: she keeps her line").waitFor();
    expect(await handoff.job(id)).toMatchObject({ outcome: "rejected", failure: { code: "closed-by-operator" } });
    expect(await page.getByRole("button", { name: /Retry|Close/ }).count()).toBe(0);
  });
});

async function find(page: Page, asked: string): Promise<void> {
  await page.getByRole("textbox").fill(asked);
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("button", { name: "Find" }).click();
  await (await answer).finished();
  await page.waitForLoadState();
  expect(new URL(page.url()).search).toBe(""); // a SIM's number stands in no address
}

/** The desk's own routes of one method, so that none that is added goes untried. */
function paths(method: string): string[] {
  const { stack } = deskRoutes({} as never, () => Promise.resolve(undefined), {} as never); // nobody asks it for anything
  return stack.flatMap(({ route }) =>
    route?.stack.some((layer) => layer.method === method) === true ? [route.path] : [],
  );
}
