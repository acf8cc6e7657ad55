import path from "node:path";
import { ROOT } from "./command.mjs";

const ADDRESS = {
  postalCode: "100-0001",
  prefecture: "東京都",
  city: "千代田区",
  street: "千代田1-1",
};

/** What a start says once everything runs: where things are, and a first thing to try. */
export function greeting({ address, log, sandbox, account, apiKey, dashboard }) {
  const key = apiKey ?? "YOUR_API_KEY";
  const body = JSON.stringify({ accountId: account?.Id ?? "YOUR_ACCOUNT_ID", address: ADDRESS });
  const places = [
    ["Portal API", `${address}/api`],
    ["API docs", `${address}/api/docs`],
    ["Dashboard", `${address}/desk`],
    dashboard === null ? null : ["", `sign in as ${dashboard.user} with ${dashboard.password}`],
    sandbox === null ? null : ["Sandbox", `${sandbox.url}  (stands in for Salesforce, WHMCS, Freebit and mail)`],
    ["Log", path.relative(ROOT, log)],
  ];
  return `
Handoff is running.

${places
  .filter((place) => place !== null)
  .map(([name, where]) => `  ${name.padEnd(12)}${where}`)
  .join("\n")}

Ask for an eligibility check${account?.Name ? ` for ${account.Name}` : ""}, then look at the dashboard${sandbox === null ? "" : " and the sandbox"}:

  curl -i '${address}/api/services/internet/eligibility-request' \\
    -H 'Authorization: Bearer ${key}' \\
    -H 'Content-Type: application/json' \\
    -d '${body}'

Ctrl-C stops everything. What was accepted is kept in ${path.relative(ROOT, path.dirname(log))}, and the next start goes on with it.
`;
}
