import { execFile } from "node:child_process";
import { describe, expect, it } from "vitest";
import { customFields } from "../../src/integrations/whmcs/encoding.ts";
import { doctor, type Environment, type Told } from "./process.ts";
import { API_KEY, inSystem, type System } from "./system.ts";

/** What was told of each record, by its id: the kinds. */
function kindsIn({ stdout }: Told): string[] {
  return [...stdout.matchAll(/^[✗…] .*\[([a-z-]+)\]$/gm)].map(([, kind = ""]) => kind).toSorted();
}

/** The lines about a record: what, and what heals it. */
function about({ stdout }: Told, id: string): string {
  return stdout.split("\n\n").find((block) => /^[✗…] /.test(block) && block.includes(` ${id} `)) ?? "";
}

/** An order in WHMCS as AddOrder makes it, with the Opportunity's mark. */
async function orderInWhmcs(system: System, client: number, pid: number, opportunityId: string): Promise<Environment> {
  const made = await system.whmcs("AddOrder", {
    clientid: String(client),
    paymentmethod: "banktransfer",
    "pid[0]": String(pid),
    "billingcycle[0]": "monthly",
    "customfields[0]": customFields({ OpportunityId: opportunityId }),
  });
  await system.whmcs("AcceptOrder", { orderid: String(made["orderid"]) });
  return { orderId: String(made["orderid"]), serviceId: String(made["serviceids"]) };
}

/** The address and the body of a curl command, with its words as a shell tells them apart: a machine may be without curl. */
function asShellReads(command: string): Promise<[url: string, body: string]> {
  const script = `curl() { "$NODE" -p 'JSON.stringify(process.argv.slice(1))' -- "$@"; }; ${command}`;
  return new Promise((resolve, reject) => {
    const env = { API_KEY, NODE: process.execPath };
    execFile("sh", ["-c", script], { env }, (error, stdout) => {
      if (error !== null) return reject(new Error("sh does not take it", { cause: error }));
      const words = JSON.parse(stdout) as string[]; // what the line above prints
      expect(words).toContain(`Authorization: Bearer ${API_KEY}`);
      resolve([words[2] ?? "", words.at(-1) ?? ""]);
    });
  });
}

describe("npm run doctor", () => {
  it("finds nothing where the systems agree, and says what it looked at", () =>
    inSystem(async (system) => {
      const told = await doctor(system.everything);
      expect(told.stderr).toBe("");
      expect(told.stdout).toMatch(/^Looked at \d+ opportunities, \d+ WHMCS services, \d+ Cases, 1 account with/);
      expect(told.stdout).toContain("✓ Salesforce, WHMCS and the ledger agree.");
      expect(told.code).toBe(0);
    }));

  it("tells an order that nobody announced; its command makes the job, which finds the service that is there and links it", () =>
    inSystem(async (system) => {
      const api = await system.start({}, "api");
      const settings = { ...system.everything, PUBLIC_URL: api.url };
      const orderId = await system.approvedOrder();
      const opportunityId = await system.seed("opportunities", "approvedApartment");
      const { serviceId } = await orderInWhmcs(system, 1003, 12, opportunityId);

      const first = await doctor(settings);
      expect(kindsIn(first)).toEqual(["order-without-service"]);
      expect(first.code).toBe(1);
      const command = about(first, orderId).split("\n")[1]?.trim() ?? "";
      const [url, body] = await asShellReads(command);
      expect((await api.post(new URL(url).pathname, JSON.parse(body))).status).toBe(202);

      const meanwhile = await doctor(settings);
      const [, jobId = ""] = /^… .*\n    Job (\S+) is at it\.$/m.exec(about(meanwhile, orderId)) ?? [];
      expect(meanwhile.code).toBe(0);

      await system.start({}, "worker");
      expect(await api.until(jobId, "completed", "failed")).toMatchObject({ outcome: "done" });
      expect(await doctor(settings)).toMatchObject({ code: 0 });
      expect(await system.record("Opportunity", opportunityId)).toMatchObject({
        StageName: "Active",
        WHMCS_Service_ID__c: Number(serviceId),
      });
      expect(await system.asked("AddOrder")).toBe(1); // the one of this test's own
    }));

  it("tells each disagreement that was planted, with what heals it, and no name or address", () =>
    inSystem(async (system) => {
      const opportunity = (name: string) => system.seed("opportunities", name);
      const [internet, sim, vpn] = [
        await opportunity("activeInternet"),
        await opportunity("activeSim"),
        await opportunity("activeVpn"),
      ];
      const cancelling = await opportunity("cancelling");
      const { salesforce } = await system.state();
      const caseOf = (id: string) => salesforce.Case.find(({ OpportunityId }) => OpportunityId === id);
      const cancellation = { Type: "Cancellation Request", Status: "New" };
      const account = async (id: string) => (await system.record("Opportunity", id))?.["AccountId"];

      // A service that lost its link, an end that nobody asked for, two orders for one Opportunity …
      await system.edit("Opportunity", internet, { WHMCS_Service_ID__c: null });
      await system.edit("Opportunity", vpn, { StageName: "△Cancelling" });
      await orderInWhmcs(system, 1014, 21, sim);
      await orderInWhmcs(system, 1014, 21, sim);
      // … two Cases of one request, one that nothing came of, and a check without one.
      const twin = await system.make("Case", {
        ...cancellation,
        AccountId: await account(cancelling),
        OpportunityId: cancelling,
      });
      const idle = await system.make("Case", { ...cancellation, AccountId: await account(sim), OpportunityId: sim });
      const checked = await system.seed("accounts", "checking");
      const check = salesforce.Case.find(({ Type }) => Type === "Eligibility Check");
      await system.edit("Case", String(check?.["Id"]), { Status: "Closed" });

      const told = await doctor(system.everything);
      expect(kindsIn(told)).toEqual([
        "cancelling-without-case",
        "cancelling-without-date",
        "case-without-cancellation",
        "checking-without-case",
        "service-without-link",
        "two-cases",
        "two-orders",
      ]);
      expect(told.code).toBe(1);
      expect(about(told, internet)).toContain("service 801 (Active)");
      expect(about(told, sim)).toMatch(/several orders .*: .*5001, 5002/);
      expect(about(told, idle)).toContain(`its opportunity ${sim} is Active`);
      expect(about(told, checked)).toContain("its eligibility is Pending");
      const pair = about(told, String(caseOf(cancelling)?.["Id"])) + about(told, twin);
      expect(pair).toContain(twin);
      for (const { Name } of salesforce.Account) expect(told.stdout).not.toContain(String(Name));
      expect(told.stdout).not.toContain("@");
    }));

  it("tells a job that waits for a person, and where its page is", () =>
    inSystem(async (system) => {
      const orderId = await system.seed("orders", "pendingWithoutClient");
      await system.edit("Order", orderId, { Status: "Approved" });
      const handoff = await system.start();
      const { id } = await handoff.accepted("/api/provisioning", { orderId });
      await handoff.until(id, "failed");
      const told = await doctor({ ...system.everything, PUBLIC_URL: handoff.url });
      expect(about(told, orderId)).toContain(`Job ${id} failed. The account has no WHMCS client.`);
      expect(about(told, orderId)).toContain(`${handoff.url}/desk/jobs/${id}`);
    }));

  it("says which system did not answer, which settings are wrong, and how it is called", () =>
    inSystem(async (system) => {
      const { WHMCS_URL: _left, ...without } = system.everything;
      expect(await doctor(without)).toMatchObject({
        code: 78,
        stdout: "",
        stderr: expect.stringContaining("WHMCS_URL"),
      });
      const secret = "not-the-secret-at-all";
      const refused = await doctor({ ...system.everything, SALESFORCE_CLIENT_SECRET: secret });
      expect(refused).toMatchObject({ code: 69, stdout: "", stderr: expect.stringContaining("Salesforce") });
      expect(refused.stderr).not.toContain(secret);
      expect(await doctor(system.everything, "--days", "0")).toMatchObject({ code: 64, stdout: "" });
      await system.redis.kill();
      expect(await doctor(system.everything)).toMatchObject({
        code: 69,
        stdout: "",
        stderr: "Redis does not answer.\n",
      });
    }));
});
