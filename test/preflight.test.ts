import { execFile } from "node:child_process";
import { describe, expect, it } from "vitest";
import { preflightTable } from "../src/preflight-table.ts";
import { built } from "./built.ts";
import { CREDENTIALS, runningSandbox, WHMCS } from "./sandbox/running-sandbox.ts";

function preflight(environment: Readonly<Record<string, string>>) {
  return new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [built("preflight")], { env: environment }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

describe("npm run preflight", () => {
  const sandbox = runningSandbox();
  const settings = async () => ({
    REDIS_URL: "redis://127.0.0.1:1",
    DATA_KEY: Buffer.alloc(32).toString("base64"),
    SALESFORCE_LOGIN_URL: sandbox.url(),
    SALESFORCE_CLIENT_ID: CREDENTIALS.client_id,
    SALESFORCE_CLIENT_SECRET: CREDENTIALS.client_secret,
    PORTAL_PRICEBOOK_ID: String(await sandbox.state("seed", "pricebookId")),
    WHMCS_URL: `${sandbox.url()}/whmcs`,
    WHMCS_IDENTIFIER: WHMCS.identifier,
    WHMCS_SECRET: WHMCS.secret,
  });

  it("ends with 0 where everything is there, and says what it looked at", async () => {
    const { code, stdout, stderr } = await preflight(await settings());
    expect(stderr).toBe("");
    expect(stdout).toMatch(/^Salesforce\n  ✓ Account\n[^]*\nWHMCS\n  ✓ payment method banktransfer\n/);
    expect(stdout).toContain("✓ Everything that Handoff needs is there.");
    expect(code).toBe(0);
  });

  it("ends with 1 and says what to do where something is missing", async () => {
    const { code, stdout } = await preflight({ ...(await settings()), WHMCS_PAYMENT_METHOD: "bitcoin" });
    expect(stdout).toMatch(/  ✗ payment method bitcoin  missing\n      Activate it in WHMCS/);
    expect(stdout).toContain("✗ 1 thing is missing");
    expect(code).toBe(1);
  });

  it("ends with 1 where a system does not let us in, and goes on with the others; no secret shows", async () => {
    const secret = "not-the-secret-at-all";
    const { code, stdout, stderr } = await preflight({ ...(await settings()), SALESFORCE_CLIENT_SECRET: secret });
    expect(stdout).toMatch(/^Salesforce\n  ✗ could not be checked\n/);
    expect(code).toBe(1);
    expect(stdout + stderr).not.toContain(secret);
  });

  it("ends with 78 where a setting is missing, before it asks anybody", async () => {
    const { WHMCS_URL: _left, ...without } = await settings();
    const { code, stdout, stderr } = await preflight(without);
    expect({ code, stdout }).toEqual({ code: 78, stdout: "" });
    expect(stderr).toContain("WHMCS_URL  is missing");
  });

  it("ends with 78 where SALESFORCE_FIELDS names a field that nothing uses", async () => {
    const { code, stderr } = await preflight({ ...(await settings()), SALESFORCE_FIELDS: '{"Case.Deal":"Deal__c"}' });
    expect(code).toBe(78);
    expect(stderr).toContain("Case.Deal");
  });
});

it("the table goes system by system, with what to do below each finding", () => {
  const finding = { subject: "Order.Status", problem: "value missing: Approved", remedy: "Add it." };
  const table = preflightTable([
    {
      vendor: "salesforce",
      notChecked: null,
      checks: [
        { subject: "Account", findings: [] },
        {
          subject: "Order",
          findings: [
            { ...finding, weight: "missing" },
            { ...finding, weight: "doubtful" },
          ],
        },
      ],
    },
    { vendor: "whmcs", checks: [], notChecked: "WHMCS is away." },
  ]);
  expect(table).toBe(`Salesforce
  ✓ Account
  ✗ Order.Status  value missing: Approved
      Add it.
  ! Order.Status  value missing: Approved
      Add it.

WHMCS
  ✗ could not be checked
      WHMCS is away.

✗ 1 thing is missing: Handoff's work would break on it.
✗ 1 system could not be checked.
! 1 thing to look at.
`);
});
