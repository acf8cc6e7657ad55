import type { Page } from "playwright-core";
import { expect, it } from "vitest";
import type { System } from "../e2e/system.ts";
import { atTheDesk } from "./desk.ts";

const CUSTOMERS = 3;
const ORDERS = 30;

atTheDesk(
  () => ({}),
  (desk) => {
    it("thirty jobs of one cause: one is tried, then all, paused, gone on with, ended early, and begun again", async () => {
      const { system, handoff, visit } = desk();
      const accounts = await Promise.all(
        Array.from({ length: CUSTOMERS }, (_, number) => system.make("Account", { Name: `会社 ${String(number)}` })),
      );
      const orders: string[] = [];
      for (let number = 0; number < ORDERS; number++)
        orders.push(await approved(system, accounts[number % CUSTOMERS] ?? ""));
      const jobs = await Promise.all(orders.map((orderId) => handoff.accepted("/api/provisioning", { orderId })));
      await Promise.all(jobs.map(({ id }) => handoff.until(id, "failed")));

      const group = await visit("olga");
      await group.getByText("3 customers").waitFor();
      await group.getByRole("link", { name: "30 jobs · provisioning: The account has no WHMCS client." }).click();
      await group.getByRole("heading", { name: "The account has no WHMCS client." }).waitFor();
      const page = await visit("olga", group.url());
      await page.getByRole("button", { name: "Try the first one" }).click();
      await says(page, /done · 1 of 1 retried · 1 failed again/);
      await page.getByRole("heading", { name: "Failed again" }).waitFor();
      const tried = await page.locator("tbody a").allInnerTexts();
      expect(jobs.map(({ id }) => id)).toContain(tried[0]);

      const [first = "", second = "", third = ""] = accounts;
      await system.edit("Account", first, { WH_Account__c: 1001 });
      await system.edit("Account", second, { WH_Account__c: 1002 });
      await page.goto(group.url());
      await page.getByLabel("Why").fill("two of them have clients now");
      await page.getByLabel("How quickly").selectOption("1 a second");
      await page.getByRole("button", { name: "Retry all (30 jobs)" }).click();
      await says(page, /under way/);
      await says(page, /· [1-9]\d* of 30 retried/);
      await page.getByRole("button", { name: "Pause" }).click();
      await says(page, /paused/);
      await page.getByRole("button", { name: "Go on" }).click();
      await says(page, /under way/);
      await page.getByRole("button", { name: "End it" }).click();
      await says(page, /ended early · \d+ of 30 retried/);
      expect(await page.getByRole("button").count()).toBe(0);

      await page.getByRole("link", { name: "provisioning" }).click();
      await page.getByLabel("How quickly").selectOption("100 a second");
      await page.getByRole("button", { name: "Retry all" }).click();
      await says(page, /done · (\d+) of \1 retried · 10 failed again/);
      expect(await page.locator("tbody tr").count()).toBe(10);
      await Promise.all(jobs.flatMap(({ id }, at) => (at % CUSTOMERS === 2 ? [] : [handoff.until(id, "completed")])));
      await group.getByRole("button", { name: "Retry all (10 jobs)" }).waitFor(); // this page was open all the time

      await system.edit("Account", third, { WH_Account__c: 1003 });
      await group.getByRole("button", { name: "Retry all (10 jobs)" }).click();
      await says(group, /done · 10 of 10 retried · 0 failed again/);
      await Promise.all(jobs.map(({ id }) => handoff.until(id, "completed")));
      expect((await system.state()).whmcs.orders).toHaveLength(ORDERS);

      const audit = await visit("adam", "/desk/audit");
      const deeds = (await audit.locator("tbody tr td:nth-child(3)").allInnerTexts()).toReversed();
      expect(deeds.filter((deed) => deed.includes("group"))).toEqual([
        "group retried",
        "group retried",
        "retry of a group paused",
        "retry of a group running",
        "retry of a group aborted",
        "group retried",
        "group retried",
      ]);
      expect(await audit.locator("tbody").innerText()).toContain("two of them have clients now");
    });
  },
);

/** Waits until the run's state is in these words, however its lines are broken. */
const says = (page: Page, words: RegExp) =>
  page
    .getByRole("status")
    .filter({ hasText: new RegExp(words.source.replaceAll(" ", String.raw`\s+`)) })
    .waitFor();

/** An approved order of the account's, like the seed's own. */
async function approved(system: System, AccountId: string): Promise<string> {
  const { seed, salesforce } = await system.state();
  const model = salesforce.Order.find(({ Id }) => Id === seed.orders["approvedApartment"]) ?? {};
  const items = salesforce.OrderItem.filter(({ OrderId }) => OrderId === model["Id"]);
  const opportunity = salesforce.Opportunity.find(({ Id }) => Id === seed.opportunities["approvedApartment"]) ?? {};
  const { CloseDate, CommodityType } = opportunity;
  const { Pricebook2Id, EffectiveDate, Type } = model;
  const Name = "会社 - Internet";
  const asked = { AccountId, Name, StageName: "Post Processing", CloseDate, CommodityType };
  const OpportunityId = await system.make("Opportunity", asked);
  const order = { AccountId, OpportunityId, Pricebook2Id, EffectiveDate, Type, Status: "Approved" };
  const OrderId = await system.make("Order", order);
  for (const { PricebookEntryId, Quantity } of items)
    await system.make("OrderItem", { OrderId, PricebookEntryId, Quantity });
  return OrderId;
}
