import type { Compared } from "./comparison.ts";
import type { Disagreement } from "./domain/disagreement.ts";

/** Those that heal by themselves, because a job is at them, are for nobody to do. */
export function isForSomebody({ heal }: Disagreement): boolean {
  return heal.by !== "job under way";
}

/** What the doctor found, for the person in front of the terminal: below each ✗ what heals it. `url`: where our API is reached. */
export function doctorTable({ since, facts, found }: Compared, url: string): string {
  const { opportunities, cases, checking, services } = facts;
  const looked = `Looked at ${[
    count(opportunities.length, "opportunity", "opportunities"),
    count(services.length, "WHMCS service", "WHMCS services"),
    count(cases.length, "Case", "Cases"),
    `${count(checking.length, "account", "accounts")} with a check under way`,
  ].join(", ")}, changed since ${since.toISOString()} or still open.`;
  const left = found.filter(isForSomebody).length;
  const underWay = found.length - left;
  const sum = [
    left > 0 ? `✗ ${count(left, "disagreement", "disagreements")}.` : "✓ Salesforce, WHMCS and the ledger agree.",
    ...(underWay > 0 ? [`… ${String(underWay)} more under way, for nobody to do.`] : []),
  ];
  return `${[looked, ...found.map((one) => lines(one, url)), sum.join("\n")].join("\n\n")}\n`;
}

function lines(found: Disagreement, url: string): string {
  const mark = isForSomebody(found) ? "✗" : "…";
  return `${mark} ${found.where}  ${found.what}  [${found.kind}]\n    ${advice(found, url)}`;
}

function advice({ heal }: Disagreement, url: string): string {
  switch (heal.by) {
    case "post": {
      const { kind, payload } = heal.work;
      return `curl -X POST ${url}/api/${kind} -H "Authorization: Bearer $API_KEY" -H "Content-Type: application/json" -d '${JSON.stringify(payload)}'`;
    }
    case "daily sweep":
      return "The next daily sweep (09:00 in Japan) ends it. If it was listed yesterday too, see on the dashboard whether daily-sweep failed.";
    case "person":
      return heal.words;
    case "job under way":
      return `Job ${heal.jobId} is at it.`;
    case "retry":
      return `Job ${heal.jobId} failed. ${heal.words} Its page: ${url}/desk/jobs/${heal.jobId}`;
  }
}

const count = (number: number, one: string, more: string) => `${String(number)} ${number === 1 ? one : more}`;
