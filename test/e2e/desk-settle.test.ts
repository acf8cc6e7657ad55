import { expect, it } from "vitest";
import { adam, FORM, olga, openBrowser, signIn, vera } from "../dashboard/site.ts";
import { profileFile } from "../integrations/freebit/profile-file.ts";
import type { Call } from "../processors/line.ts";
import { inSystem } from "./system.ts";

/** Whether Freebit did what was asked before it gave the answer that nobody can read. */
it.each([
  { happened: "no", mode: "error", code: "400-356" },
  { happened: "yes", mode: "drop-after" },
])("a line's end that Freebit cannot be asked about: a person looks and says $happened", ({ happened, ...fault }) =>
  inSystem(async (system) => {
    const handoff = await system.start({
      DASHBOARD_USERS: [vera, olga, adam].map((user) => `${user.name}:${user.role}:${user.hash.reveal()}`).join(";"),
      FREEBIT_URL: `${system.sandbox.url}/freebit`,
      FREEBIT_OEM_ID: "sandbox-oem",
      FREEBIT_OEM_KEY: "sandbox-oem-key",
      // A wrong guess at where an answer shows the booked day.
      FREEBIT_PROFILE: profileFile({ cancelAccount: { readBack: { field: "endDate", absent: "unclear" } } }),
    });
    const { seed } = await system.state();
    const simNumber = seed.sims["activeSim"] ?? "";
    const months = (await (await handoff.get("/api/services/sim/cancellation-months")).json()) as { months: string[] };
    await system.fault({ vendor: "freebit", operation: "cnclAcnt", ...fault });
    const { id } = await handoff.accepted("/api/services/sim/cancellation", {
      accountId: seed.accounts["activeSim"],
      serviceId: Number(seed.services["activeSim"]),
      simNumber,
      month: months.months[1],
    });
    expect(await handoff.until(id, "failed", "completed")).toMatchObject({ failure: { code: "in-doubt" } });

    const browser = openBrowser(handoff);
    await signIn(browser, { name: "olga" });
    const page = async () => await (await browser.get(`/desk/jobs/${id}`)).text();
    const settle = async (fields: Record<string, string>) => {
      const [, since = ""] = /name="since" value="([^"]*)"/.exec(await page()) ?? [];
      const body = String(
        new URLSearchParams({ what: "settle", step: "cancel the line", since, happened, why: "", ...fields }),
      );
      return browser.send("POST", `/desk/jobs/${id}`, { body, headers: FORM });
    };
    const asking = await page();
    expect(asking).toContain("Did “cancel the line” happen at Freebit?");
    const shown = ["Freebit switches the line off from", "“Show what is hidden” is below", "Say so, and retry"];
    const places = shown.map((words) => asking.indexOf(words));
    expect(places).toEqual(places.toSorted((one, other) => one - other));
    expect(places).not.toContain(-1);
    const buttons = [...asking.matchAll(/<button type="submit" name="what" value="(\w+)"(\s+class="quiet")?/g)];
    expect(buttons.filter(([, , quiet]) => quiet === undefined).map(([, what]) => what)).toEqual(["settle"]);
    expect(await page()).toContain("It is not known whether “cancel the line” happened</div>");
    const viewer = openBrowser(handoff);
    await signIn(viewer, { name: "vera" });
    const seen = await (await viewer.get(`/desk/jobs/${id}`)).text();
    expect(seen).toContain("an operator looks at Freebit");
    for (const forOthers of ["<form", "answer on this page"]) expect(seen).not.toContain(forOthers);
    const [, group = ""] = /href="(\/desk\/groups\/[^"]+)"/.exec(seen) ?? [];
    expect(await (await browser.get(group)).text()).toContain("A retry of them settles nothing");
    await browser.get("/desk/lang/ja");
    const inJapanese = await page();
    for (const words of [
      "Freebit で「cancel the line」は行われましたか",
      "契約資料に合わせて FREEBIT_PROFILE",
      "状態が回答と異なるか",
    ])
      expect(inJapanese).toContain(words);
    await browser.get("/desk/lang/en");
    const faults = [
      [{}, "Say why"],
      [{ why: "s".repeat(301) }, "The reason is too long"],
      [{ why: "seen", happened: "perhaps" }, "Say whether it happened"],
      [{ why: "seen", happened: "yes", id: "a b" }, "The id is odd"],
    ] as const;
    for (const [fields, fault] of faults) {
      const answer = await settle(fields);
      expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining(fault)]);
    }
    expect((await settle({ why: "seen", step: "open the case" })).status).toBe(409);
    expect((await settle({ why: "seen", since: new Date(0).toISOString() })).status).toBe(409);
    expect((await settle({ why: "seen", happened: "yes", id: "42" })).status).toBe(400); // nothing is asked for
    expect(await handoff.job(id)).toMatchObject({ state: "failed" });

    const redis = system.redis.connect();
    const ledger = `{handoff}:ledger:${id}`;
    const doubt = JSON.parse((await redis.hget(ledger, "step cancel the line")) ?? "{}") as object; // the ledger's scripts wrote it
    const mayLandUntil = async (lands: number) =>
      await redis.hset(ledger, "step cancel the line", JSON.stringify({ ...doubt, lands }));
    await mayLandUntil(Date.now() + 3_600_000);
    expect(await page()).toMatch(/“It did not happen” is taken from [^<]* JST on/);
    const early = await settle({ why: "too early", happened: "no" });
    expect([early.status, await early.text()]).toEqual([409, expect.stringContaining("may still arrive")]);
    await mayLandUntil(Date.now());
    expect(await page()).not.toContain("“It did not happen” is taken from");

    const [, since = ""] = /name="since" value="([^"]*)"/.exec(await page()) ?? [];
    const said = { why: "Freebit's page shows it", since };
    expect((await settle(said)).status).toBe(303);
    expect((await settle(said)).status).toBe(409); // a second click
    expect(await handoff.until(id, "completed", "failed")).toMatchObject({ outcome: "done" });
    const [made] = (await system.state()).salesforce.Case.slice(-1);
    expect(String(made?.["Description"])).toContain(happened === "yes" ? "somebody said" : "result code 100");
    const calls = (await (await fetch(`${system.sandbox.url}/control/calls`)).json()) as Call[]; // the sandbox's own words
    expect(calls.filter((call) => call.operation === "cnclAcnt" && call.fault !== "error")).toHaveLength(1);
    const answer = happened === "yes" ? "happened" : "did not happen";
    expect(await page()).toContain(`olga said that “cancel the line” ${answer}: Freebit&#39;s page shows it`);
    expect(await page()).not.toContain("Did “cancel the line” happen?");

    const earlier = { what: "settled", at: 0, by: "ana", why: "as an earlier version wrote it" };
    await redis.lpush(`${ledger}:story`, JSON.stringify(earlier));
    expect(await page()).toContain("ana settled what was in doubt: as an earlier version wrote it");

    const entries = (await redis.xrange("{handoff}:audit", "-", "+")).map(([, [, entry = ""]]): unknown =>
      JSON.parse(entry),
    );
    redis.disconnect();
    const to = { job: id, kind: "cancellation", step: "cancel the line" };
    const deed = { who: "olga", what: "doubt settled", to };
    expect(entries.filter((entry) => JSON.stringify(entry).includes(deed.what)).slice(0, 2)).toMatchObject([
      { ...deed, why: "too early", before: { step: "in-doubt" }, after: { happened: false } },
      { ...deed, what: "doubt settled: refused", why: expect.stringContaining("Nothing was done") },
    ]);
    expect(entries.at(-1)).toEqual(
      expect.objectContaining({ ...deed, why: "Freebit's page shows it", after: { happened: happened === "yes" } }),
    );
    const admin = openBrowser(handoff);
    await signIn(admin, { name: "adam" });
    expect(await (await admin.get("/desk/audit")).text()).toContain("doubt settled: refused");
  }),
);
