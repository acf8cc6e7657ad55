import { type Effects, type Line, NO_EFFECTS, type SandboxState } from "../processors/line.ts";

/** How what came to be differs from what was asked for. */
export interface Difference {
  readonly lost: number;
  readonly doubled: number;
  /** Mails that came again with the same Message-ID, which a mail reader shows once. */
  readonly repeatedMails: number;
}

/** What a line has of each thing, before and after. */
export const effectsSince = {
  start: (line: Line): Promise<Effects> => line.effects(),
  async end(line: Line, before: Effects): Promise<Effects> {
    const { mails, ...after } = await line.effects();
    const added = Object.entries(after).map(([thing, count]) => [
      thing,
      count - Number(before[thing as keyof Effects]),
    ]); // a key of both
    return { ...NO_EFFECTS, ...Object.fromEntries(added), mails } as Effects; // the same keys
  },
};

export function compare(came: Effects, expected: Effects, { mails }: SandboxState): Difference {
  const counts = ({ mails: letters, ...others }: Effects): Record<string, number> => ({ ...others, ...letters });
  const [is, should] = [counts(came), counts(expected)];
  let [lost, doubled] = [0, 0];
  for (const thing of new Set([...Object.keys(is), ...Object.keys(should)])) {
    const more = (is[thing] ?? 0) - (should[thing] ?? 0);
    if (more > 0) doubled += more;
    else lost -= more;
  }
  const distinct = new Set(mails.map((mail) => `${mail.messageId} ${mail.to.join()}`)).size;
  return { lost, doubled, repeatedMails: mails.length - distinct };
}
