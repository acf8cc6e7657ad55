import { salesforceClient } from "./integrations/salesforce/client.ts";
import { whmcsClient } from "./integrations/whmcs/client.ts";
import { isLacking, preflightTable } from "./preflight-table.ts";
import { readSettings } from "./settings.ts";
import { checkVendors } from "./vendor-checks.ts";

// npm run preflight: whether Salesforce, WHMCS and Freebit are set up as the worker will need them. It reads the worker's
// settings and writes nothing anywhere. Exit status 0: nothing is missing; 1: something is; 78: the settings are wrong.

/** The exit status of a configuration error (EX_CONFIG of sysexits.h). */
const BAD_SETTINGS = 78;

process.exitCode = await preflight();

async function preflight(): Promise<number> {
  const services = servicesOrProblems();
  if (typeof services === "string") {
    process.stderr.write(`${services}\n`);
    return BAD_SETTINGS;
  }
  const reports = await checkVendors(services.clients, services.settings);
  process.stdout.write(preflightTable(reports));
  return isLacking(reports) ? 1 : 0;
}

/** The clients without a breaker: each call is made once, and what comes of it is told. */
function servicesOrProblems() {
  try {
    const settings = readSettings({ ...process.env, ROLES: "worker" });
    const call = <T>(_operation: string, perform: (signal: AbortSignal) => Promise<T>) =>
      perform(AbortSignal.timeout(settings.VENDOR_TIMEOUT_MS));
    return {
      settings,
      clients: { salesforce: salesforceClient({ settings, call }), whmcs: whmcsClient({ settings, call }) },
    };
  } catch (error) {
    // A client that cannot be made says which of its settings is at fault; neither message holds a value that is secret.
    if (error instanceof Error) return error.message;
    throw error;
  }
}
