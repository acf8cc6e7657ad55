import { FREEBIT_CREDENTIALS } from "./freebit/auth-keys.ts";
import { startSandbox } from "./sandbox.ts";
import { SALESFORCE_CREDENTIALS, ORGANIZATION_ID } from "./salesforce/token.ts";
import { WHMCS_CREDENTIALS } from "./whmcs/billing.ts";

/**
 * `npm run sandbox`: the stand-ins for Salesforce, WHMCS, Freebit and the mail server, until SIGTERM or SIGINT. One line of JSON
 * on stdout tells where they listen; what people read goes to stderr.
 */

const environment = process.env;

function port(variable: string, otherwise: number): number {
  const text = environment[variable] ?? "";
  if (text === "") return otherwise;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > 65_535) {
    process.stderr.write(`${variable} must be a port, 0 to 65535\n`);
    process.exit(78);
  }
  return number;
}

const outboundUrl = environment["SANDBOX_OUTBOUND_URL"] ?? "";
const sandbox = await startSandbox({
  host: environment["SANDBOX_HOST"] || "127.0.0.1",
  port: port("SANDBOX_PORT", 4000),
  smtpPort: port("SANDBOX_SMTP_PORT", 2525),
  ...(outboundUrl === "" ? {} : { outboundUrl }),
  newIds: environment["SANDBOX_NEW_IDS"] === "1",
}).catch((error: unknown) => {
  process.stderr.write(`The sandbox cannot start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});

const stop = () => {
  void sandbox.close().finally(() => process.exit(0));
};
process.once("SIGTERM", stop);
process.once("SIGINT", stop);
if (environment["SANDBOX_EXIT_WITH_PARENT"] === "1") {
  process.stdin.on("end", stop).on("error", stop).resume();
}

const { url, smtpUrl } = sandbox;
process.stdout.write(`${JSON.stringify({ sandbox: { url, smtpUrl } })}\n`);
process.stderr.write(`Stands in for Salesforce, WHMCS, Freebit and the mail server; everything is in memory.
Look and meddle: ${url}/
Point the system here with
  SALESFORCE_LOGIN_URL=${url} SALESFORCE_CLIENT_ID=${SALESFORCE_CREDENTIALS.clientId} SALESFORCE_CLIENT_SECRET=${SALESFORCE_CREDENTIALS.clientSecret}
  SALESFORCE_ORG_ID=${ORGANIZATION_ID}
  WHMCS_URL=${url}/whmcs WHMCS_IDENTIFIER=${WHMCS_CREDENTIALS.identifier} WHMCS_SECRET=${WHMCS_CREDENTIALS.secret}
  FREEBIT_URL=${url}/freebit FREEBIT_OEM_ID=${FREEBIT_CREDENTIALS.oemId} FREEBIT_OEM_KEY=${FREEBIT_CREDENTIALS.oemKey}
  SMTP_URL=${smtpUrl}
`);
