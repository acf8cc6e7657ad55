import { type BrowserContext, chromium, type Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect } from "vitest";
import { adam, olga, PASSWORD, vera } from "../dashboard/site.ts";
import { type Environment, type Handoff, until } from "../e2e/process.ts";
import { openSystem, type System } from "../e2e/system.ts";

/** The operator's desk of a running program, in a real Chromium. */

/** The one that `npm test` found or brought. Without it these stories are left out. */
const CHROMIUM = process.env["CHROMIUM"];

/** It asks for nothing but the pages, and needs nothing of the machine that a container might lack. */
const ARGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATIENCE_MS = 20_000;

const PEOPLE = { vera, olga, adam };

export interface Desk {
  readonly system: System;
  readonly handoff: Handoff;
  /** A browser of somebody who is signed in, at one of the pages. */
  readonly visit: (name: keyof typeof PEOPLE, at?: string) => Promise<Page>;
}

/**
 * Stories of one program: they share it, not their jobs. At the end of each, no page may have asked another host for
 * anything, or complained.
 */
export function atTheDesk(environment: (system: System) => Environment, tell: (desk: () => Desk) => void): void {
  describe.skipIf(CHROMIUM === undefined)("at the desk", () => {
    let desk: Desk | undefined;
    let close: (() => Promise<void>) | undefined;
    const contexts: BrowserContext[] = [];
    const complaints: string[] = [];

    beforeAll(async () => {
      const [system, browser] = await Promise.all([
        openSystem(),
        chromium.launch({ executablePath: CHROMIUM ?? "", args: ARGS }),
      ]);
      close = async () => {
        await browser.close();
        await system.close();
      };
      const users = Object.values(PEOPLE).map(({ name, role, hash }) => `${name}:${role}:${hash.reveal()}`);
      const handoff = await system.start({ DASHBOARD_USERS: users.join(";"), ...environment(system) });
      // What the first sweep finds belongs to no story.
      await until(async () => ((await system.jobs("approval-sweep", "completed")) > 0 ? true : undefined), handoff);

      const sessions = new Map<string, Awaited<ReturnType<BrowserContext["storageState"]>>>();
      const visit: Desk["visit"] = async (name, at = "/desk") => {
        const storageState = sessions.get(name);
        const context = await browser.newContext({
          baseURL: handoff.url,
          locale: "en-GB",
          ...(storageState !== undefined && { storageState }),
        });
        contexts.push(context);
        context.setDefaultTimeout(PATIENCE_MS);
        listen(context, handoff.url, (complaint) => complaints.push(complaint));
        const page = await context.newPage();
        await page.goto(at);
        if (storageState !== undefined) return page;
        await page.getByLabel("Name").fill(name);
        await page.getByLabel("Password").fill(PASSWORD);
        await page.getByRole("button", { name: "Sign in" }).click();
        await page.getByRole("link", { name: /Sign out/ }).waitFor();
        sessions.set(name, await context.storageState());
        return page;
      };
      desk = { system, handoff, visit };
    });
    afterEach(async () => {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      expect(complaints.splice(0)).toEqual([]);
    });
    afterAll(() => close?.());

    tell(() => {
      if (desk === undefined) throw new Error("the desk did not open");
      return desk;
    });
  });
}

function listen(context: BrowserContext, url: string, complain: (complaint: string) => void): void {
  context.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) complain(`asked for ${request.url()}`);
  });
  context.on("console", (message) => {
    // A group that was dealt with is gone; the browser itself remarks on that.
    const isGone = message.text().includes("status of 404") && message.location().url.includes("/desk/groups/");
    if (["error", "warning"].includes(message.type()) && !isGone) complain(message.text());
  });
  context.on("weberror", (error) => complain(error.error().message));
}

/** What several stories look at, made by the first of them. */
export function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
