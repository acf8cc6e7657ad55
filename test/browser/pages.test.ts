import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, expect, it } from "vitest";
import { groupUrl } from "../../src/domain/desk-path.ts";
import { PASSWORD } from "../dashboard/site.ts";
import { atTheDesk, once } from "./desk.ts";
import { obstacles } from "./readable.ts";

/** A laptop by day, a phone by night. */
const SIGHTS = [
  [{ width: 1280, height: 800 }, "light"],
  [{ width: 360, height: 740 }, "dark"],
] as const;
const KANA = /[ぁ-んァ-ヶ]/;

const folder = mkdtempSync(path.join(tmpdir(), "freebit-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** A Freebit that nobody can ask whether a line's end is booked. */
const PROFILE = path.join(folder, "freebit.json");
writeFileSync(PROFILE, JSON.stringify({ cancelAccount: { readBack: { field: "endDate", absent: "unclear" } } }));

atTheDesk(
  ({ sandbox }) => ({
    FREEBIT_URL: `${sandbox.url}/freebit`,
    FREEBIT_OEM_ID: "sandbox-oem",
    FREEBIT_OEM_KEY: "sandbox-oem-key",
    FREEBIT_PROFILE: PROFILE,
  }),
  (desk) => {
    /** An order that fails, and one that is done; a cancellation with a typo, and one of which nobody knows whether it happened. */
    const work = once(async () => {
      const { system, handoff } = desk();
      const account = await system.seed("accounts", "withoutClient");
      const orderId = await system.seed("orders", "pendingWithoutClient");
      await system.edit("Order", orderId, { Status: "Approved" });
      const { id: failed } = await handoff.accepted("/api/provisioning", { orderId });
      const { id: completed } = await handoff.accepted("/api/provisioning", { orderId: await system.approvedOrder() });
      const { seed } = await system.state();
      const months = await (await handoff.get("/api/services/sim/cancellation-months")).json();
      const cancellation = {
        accountId: seed.accounts["activeSim"],
        serviceId: Number(seed.services["activeSim"]),
        month: (months as { months: string[] }).months[1], // the contract's section 3
      };
      const cancelled = async (simNumber: string | undefined) => {
        const { id } = await handoff.accepted("/api/services/sim/cancellation", { ...cancellation, simNumber });
        await handoff.until(id, "failed");
        return id;
      };
      const mistyped = await cancelled("07099999999");
      await system.fault({ vendor: "freebit", operation: "cnclAcnt", mode: "drop-after" });
      const doubtful = await cancelled(seed.sims["activeSim"]);
      await handoff.until(failed, "failed");
      await handoff.until(completed, "completed");
      return { failed, completed, mistyped, doubtful, orderId, account };
    });

    it("what a job would do can be read as well, whether it would end well or not", async () => {
      const { system, visit } = desk();
      const { failed, mistyped, account } = await work();
      await system.edit("Account", account, { WH_Account__c: 1012 });
      const page = await visit("adam");
      for (const lang of ["en", "ja"]) {
        for (const id of [failed, mistyped]) {
          await page.goto(`/desk/lang/${lang}`);
          await page.goto(`/desk/jobs/${id}`);
          await page.locator("form[action$='/dry-run'] button").click();
          await page.waitForURL(/dry-run$/);
          for (const [viewport, colorScheme] of SIGHTS) {
            await page.setViewportSize(viewport);
            await page.emulateMedia({ colorScheme });
            expect({ id, lang, colorScheme, obstacles: await obstacles(page) }).toMatchObject({ obstacles: [] });
          }
          expect(KANA.test(await page.locator("main").innerText())).toBe(lang === "ja");
          expect(await page.locator("pre").count()).toBe(id === failed ? 3 : 0);
          await page.getByRole("link", { name: lang === "en" ? "日本語" : "English" }).click(); // an answer to a form has no address
          await page.waitForURL(`**/desk/jobs/${id}`);
          expect(await page.locator("html").getAttribute("lang")).toBe(lang === "en" ? "ja" : "en");
        }
      }
      await system.edit("Account", account, { WH_Account__c: null });
    });

    it("everybody can read every page: in both languages, light and dark, on a laptop and a phone", async () => {
      const { visit } = desk();
      const { failed, completed, mistyped, doubtful, orderId, account } = await work();
      const page = await visit("adam");
      await page.getByRole("link", { name: /: The account has no WHMCS client/ }).click();
      const group = page.url();
      await page.getByRole("button", { name: "Try the first one" }).click();
      await page.getByText("1 failed again").waitFor();
      const places = ["/desk", group, page.url(), "/desk/audit", "/desk/groups/unknown", "/sign-out"].concat(
        [`/desk/jobs/${failed}`, `/desk/jobs/${completed}`, `/desk/jobs/${mistyped}/edit`, `/desk/jobs/${doubtful}`],
        [groupUrl("cancellation~cancel%20the%20line~in-doubt")],
        ["/desk/find", `/desk/accounts/${account}`, ...[orderId, "nothing"].map(found)],
      );
      for (const lang of ["en", "ja"]) {
        await page.goto(`/desk/lang/${lang}`);
        for (const place of places) {
          await open(page, place);
          for (const summary of await page.locator("summary").all()) await summary.click();
          for (const [viewport, colorScheme] of SIGHTS) {
            await page.setViewportSize(viewport);
            await page.emulateMedia({ colorScheme });
            expect({ place, lang, colorScheme, obstacles: await obstacles(page) }).toMatchObject({ obstacles: [] });
          }
          expect(await page.locator("html").getAttribute("lang")).toBe(lang);
          expect(KANA.test(await page.getByRole("main").innerText())).toBe(lang === "ja");
        }
      }
      await page.goto("/desk"); // in Japanese, on a phone, from the last round
      expect(await page.evaluate(LINES)).toBe(1);

      await page.context().clearCookies();
      await page.goto(`/desk/jobs/${failed}`);
      for (const [link, heading] of [
        ["日本語", "サインイン"],
        ["English", "Sign in"],
      ] as const) {
        await page.getByRole("link", { name: link }).click();
        await page.getByRole("heading", { name: heading }).waitFor();
        expect(new URL(page.url()).searchParams.get("next")).toBe(`/desk/jobs/${failed}`);
        expect(await obstacles(page)).toEqual([]);
      }
    });

    it("whoever has a keyboard alone signs in, finds what broke, and retries it", async () => {
      const { handoff, visit, system } = desk();
      const { failed, account } = await work();
      const page = await visit("adam");
      await page.context().clearCookies();
      await page.goto("/desk");
      await page.locator("input:focus").waitFor();
      await page.keyboard.type("olga");
      await page.keyboard.press("Tab");
      await page.keyboard.type(PASSWORD);
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "What needs a person" }).waitFor();

      const passed = await tabTo(page, ": The account has no WHMCS client");
      expect(passed.slice(0, 6)).toEqual(["Handoff", "Now", "Find", "Queues", "日本語", "olga, operator · Sign out"]);
      await page.keyboard.press("Enter");
      await page.waitForURL("**/desk/groups/**");
      expect(await tabTo(page, failed)).toEqual(expect.arrayContaining(["Try the first one", "Retry all (1 job)"]));
      await page.keyboard.press("Enter");
      await page.waitForURL("**/desk/jobs/**");
      await tabTo(page, "Close without doing it");
      await page.keyboard.press("Enter");
      await page.getByText("The rest of it is not done").waitFor();

      await system.edit("Account", account, { WH_Account__c: 1012 });
      await page.keyboard.press("Shift+Tab");
      expect(await page.evaluate(FOCUSED)).toMatchObject({ text: expect.stringContaining("Why, if you like") });
      await page.keyboard.type("a client now");
      await page.keyboard.press("Enter");
      await page.getByRole("heading", { name: "provisioning: is done" }).waitFor();
      expect(await handoff.job(failed)).toMatchObject({ outcome: "done" });
    });
  },
);

/** What is looked for, as a place: no address holds it. */
const found = (asked: string) => `looked for: ${asked}`;

async function open(page: Page, place: string): Promise<void> {
  const asked = place.startsWith(found("")) ? place.slice(found("").length) : null;
  await page.goto(asked === null ? place : "/desk/find");
  if (asked === null) return;
  await page.getByRole("textbox").fill(asked);
  const answer = page.waitForResponse((response) => response.request().method() === "POST");
  await page.getByRole("textbox").press("Enter");
  await (await answer).finished();
  await page.waitForLoadState();
}

/** Presses Tab until the focus, which is to be seen each time, is on what holds `words`. Gives what it passed by. */
async function tabTo(page: Page, words: string): Promise<string[]> {
  const passed: string[] = [];
  while (passed.length < 40) {
    await page.keyboard.press("Tab");
    const { text, outline } = await page.evaluate<{ text: string; outline: string }>(FOCUSED);
    expect({ text, outline }).toEqual({ text, outline: "solid" });
    if (text.includes(words)) return passed;
    passed.push(text);
  }
  throw new Error(`the focus never came to “${words}”: ${passed.join(" | ")}`);
}

/** Runs in the page: into how many lines a vendor's state is broken. */
const LINES = `(() => {
  const words = document.createRange();
  words.selectNodeContents(document.querySelector("td.good"));
  return new Set([...words.getClientRects()].map(({ top }) => top)).size;
})()`;

/** Runs in the page. */
const FOCUSED = `(() => {
  const at = document.activeElement;
  const text = (at.labels?.[0] ?? at).textContent.trim().replaceAll(/\\s+/g, " ");
  return { text, outline: getComputedStyle(at).outlineStyle };
})()`;
