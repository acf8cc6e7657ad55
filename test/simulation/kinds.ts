import * as z from "zod";
import type { Vendor } from "../../src/domain/errors.ts";
import { type AnyJobKind, defineJobKind, type IfInDoubt, rejected } from "../../src/queues/job-kind.ts";
import type { Effect } from "./vendor.ts";

/** What the simulated kinds do outside. */
export interface Services {
  write(vendor: Vendor, effect: Effect): Promise<string>;
  find(vendor: Vendor, key: string): Promise<string | undefined>;
  /** The moment at which it was read. */
  read(vendor: Vendor): Promise<number>;
}

/** What every job of these kinds is about. */
const about = z.strictObject({ account: z.string(), name: z.string() });
type About = z.infer<typeof about>;

const common = { payload: about, key: ({ name }: About) => name, routes: [] };

/** Two effects that can be looked for, in an account's turn, and a letter that is handed on. */
const parcel = defineJobKind<About, Services>({
  ...common,
  name: "parcel",
  purpose: "Send a parcel and a bill, and write a letter about it",
  account: ({ account }) => account,
  async run({ account, name }, step, services, { id, resumed, hand }) {
    const readAtMs = await step("look at the stock", "repeat", () => services.read("salesforce"));
    const effect = (key: string, resumed: boolean) => ({
      key: `${key} ${name}`,
      job: id,
      account,
      isIdempotent: false,
      readAtMs: resumed ? null : readAtMs,
    });
    const sent = await step("send the parcel", { find: () => services.find("whmcs", `parcel ${name}`) }, () =>
      services.write("whmcs", effect("parcel", resumed)),
    );
    await step("note the parcel", "repeat", () =>
      services.write("salesforce", { ...effect("note of", true), isIdempotent: true }),
    );
    const bill = await step("send the bill", { find: () => services.find("freebit", `bill of ${name}`) }, () =>
      services.write("freebit", effect("bill of", true)),
    );
    const letter = await step("hand on the letter", "repeat", () =>
      hand("letter", { account, name: `to ${name}` }, { once: "letter" }),
    );
    return { outcome: "done", result: { parcel: sent, bill, letter } };
  },
});

/** What is the same twice as once, in nobody's turn. */
const letter = defineJobKind<About, Services>({
  ...common,
  name: "letter",
  purpose: "Post a letter",
  async run({ name }, step, services, { id }) {
    const effect = { key: `letter ${name}`, job: id, account: null, isIdempotent: true, readAtMs: null };
    await step("post", "repeat", () => services.write("mail", effect));
    return { outcome: "done", result: {} };
  },
});

/** What nothing can tell about afterwards. */
const call = defineJobKind<About, Services>({
  ...common,
  name: "call",
  purpose: "Call somebody",
  account: ({ account }) => account,
  async run({ account, name }, step, services, { id }) {
    // Each job is a call of its own: nothing tells one from the next.
    const effect = { key: `call ${name} ${id}`, job: id, account, isIdempotent: false, readAtMs: null };
    await step("call", { told: { believe: () => undefined } }, () => services.write("mail", effect));
    await step("note the call", "repeat", () =>
      services.write("salesforce", { ...effect, key: `note of call ${name}`, isIdempotent: true }),
    );
    return { outcome: "done", result: {} };
  },
});

/** What a rule says no to, or else one effect in nobody's turn. */
const wish = defineJobKind<About, Services>({
  ...common,
  name: "wish",
  purpose: "Grant a wish, or say no",
  async run({ name }, step, services, { id, resumed }) {
    const readAtMs = await step("look whether it may be", "repeat", () => services.read("salesforce"));
    if (name.endsWith("1")) return rejected({ code: "no", title: "No.", detail: "Wish for something else." });
    const doubt: IfInDoubt<string> = { find: () => services.find("whmcs", `wish ${name}`) };
    await step("grant", doubt, () =>
      services.write("whmcs", {
        key: `wish ${name}`,
        job: id,
        account: null,
        isIdempotent: false,
        readAtMs: resumed ? null : readAtMs,
      }),
    );
    return { outcome: "done", result: {} };
  },
});

export const kinds: readonly AnyJobKind<Services>[] = [parcel, letter, call, wish];
