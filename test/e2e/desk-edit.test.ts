import { expect, it } from "vitest";
import { FORM, openBrowser, signIn } from "../dashboard/site.ts";
import { inSystem } from "./system.ts";

it("a typo in a SIM's number is mended at the desk, and the line that ends is the right one", () =>
  inSystem(async (system) => {
    const handoff = await system.start({
      FREEBIT_URL: `${system.sandbox.url}/freebit`,
      FREEBIT_OEM_ID: "sandbox-oem",
      FREEBIT_OEM_KEY: "sandbox-oem-key",
    });
    const { seed } = await system.state();
    const name = "activeSim";
    const simNumber = seed.sims[name] ?? "";
    const wrong = simNumber.replace(/.$/, (digit) => (digit === "1" ? "2" : "1"));
    const accountId = seed.accounts[name] ?? "";
    const months = (await (await handoff.get("/api/services/sim/cancellation-months")).json()) as { months: string[] };
    const { id } = await handoff.accepted("/api/services/sim/cancellation", {
      accountId,
      serviceId: Number(seed.services[name]),
      simNumber: wrong,
      month: months.months[1],
      comments: "花子の回線",
    });
    expect(await handoff.until(id, "failed", "completed")).toMatchObject({ failure: { code: "sim-number-differs" } });

    const browser = openBrowser(handoff);
    await signIn(browser, { name: "olga" });
    const page = await (await browser.get(`/desk/jobs/${id}`)).text();
    expect(page).toContain("Change what was asked, and retry");
    expect(page).not.toContain(wrong);
    const edit = (fields: Record<string, string>) =>
      browser.send("POST", `/desk/jobs/${id}/edit`, { body: String(new URLSearchParams(fields)), headers: FORM });

    const nonsense = await (await edit({ "field simNumber": "seven", why: "" })).text();
    expect(nonsense).toContain("must be a SIM&#39;s number");
    const long = await (await edit({ "field simNumber": simNumber, why: "s".repeat(301) })).text();
    expect(long).toContain("The reason is too long");
    const change = { "field simNumber": simNumber, why: "the customer read it out" };
    const shown = await (await edit(change)).text();
    expect(shown).toContain("Save it, and retry");
    expect(await handoff.job(id)).toMatchObject({ state: "failed" }); // nothing is saved before it was confirmed

    expect((await edit({ ...change, confirmed: "yes" })).status).toBe(303);
    expect(await handoff.until(id, "completed", "failed")).toMatchObject({ outcome: "done" });
    const after = await (await browser.get(`/desk/jobs/${id}`)).text();
    expect(after).toContain("olga changed what was asked: the customer read it out");
    expect((await edit({ ...change, confirmed: "yes" })).status).toBe(409);
  }));
