import { isLacking, preflightTable } from "./preflight-table.ts";
import { readSettings } from "./settings.ts";
import { vendorChecks } from "./vendor-checks.ts";

// npm run preflight: whether Salesforce, WHMCS and Freebit are set up as the worker will need them. It reads the worker's
// settings and writes nothing anywhere. Exit status 0: nothing is missing; 1: something is; 78: the settings are wrong.

/** The exit status of a configuration error (EX_CONFIG of sysexits.h). */
const BAD_SETTINGS = 78;

process.exitCode = await preflight();

async function preflight(): Promise<number> {
  let check;
  try {
    check = vendorChecks(readSettings({ ...process.env, ROLES: "worker" }));
  } catch (error) {
    // Each says which settings are at fault, and neither shows what is secret.
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return BAD_SETTINGS;
  }
  const reports = await check();
  process.stdout.write(preflightTable(reports));
  return isLacking(reports) ? 1 : 0;
}
