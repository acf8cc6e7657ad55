/**
 * The notes of an Order (`Order.Description`), which three parties share: what the customer said, what Customer Service
 * adds, and the mark by which we know our own work again. Only what stands behind the label below is the customer's to
 * read, so the label comes last and Customer Service writes behind it.
 */

const REASON_LABEL = "Rejection reason for the customer:";
const JOB_LABEL = "Handoff job:";
const PRIORITY = "PRIORITY: review within 30 minutes";

export interface OrderNotes {
  readonly isPriority: boolean;
  /** What the customer said. */
  readonly notes: string | null;
  readonly job: string;
}

/** What a new Order's notes say. */
export function orderNotes({ isPriority, notes, job }: OrderNotes): string {
  return [
    ...(isPriority ? [PRIORITY, ""] : []),
    ...(notes === null || notes === "" ? [] : ["Notes from the customer:", notes, ""]),
    `${JOB_LABEL} ${job}`,
    "",
    REASON_LABEL,
  ].join("\n");
}

/** The job that made the Order; null where its notes name none. What a customer wrote stands before our own line. */
export function jobIn(notes: string | null): string | null {
  const [own] =
    linesOf(notes)
      .findLast(({ label }) => label === JOB_LABEL)
      ?.rest.split(/\s/) ?? [];
  return own === undefined || own === "" ? null : own;
}

/** Why the Order was rejected, in Customer Service's words to the customer; null where they wrote nothing there. */
export function rejectionReason(notes: string | null): string | null {
  const lines = linesOf(notes);
  const at = lines.findLastIndex(({ label }) => label === REASON_LABEL);
  if (at < 0) return null;
  const [first, ...others] = lines.slice(at);
  const reason = [first?.rest ?? "", ...others.filter(({ label }) => label === null).map(({ rest }) => rest)];
  return reason.join("\n").trim() || null;
}

interface Line {
  readonly label: typeof REASON_LABEL | typeof JOB_LABEL | null;
  readonly rest: string;
}

/** Salesforce gives line ends back as `\r\n`. A label counts in any case, and with the colon of a Japanese keyboard. */
function linesOf(notes: string | null): Line[] {
  return (notes ?? "").split(/\r?\n/).map((line) => {
    const plain = line.trimStart().replace("：", ":").toLowerCase();
    const label = ([REASON_LABEL, JOB_LABEL] as const).find((known) => plain.startsWith(known.toLowerCase())) ?? null;
    return { label, rest: label === null ? line : line.trimStart().slice(label.length).trim() };
  });
}
