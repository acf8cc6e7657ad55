/**
 * How a client makes one call to its vendor: under a deadline, behind the vendor's breaker, counted by operation.
 *
 * `perform` gets a signal that aborts the whole exchange at the deadline, and throws errors of `errors.ts` only. Where a
 * reply says which share of what the vendor allows us in a day is used, it tells so. Whatever it sends, but for signing in,
 * it sends by `send`.
 * While the breaker is open the call is not made and an `UnavailableError` of scope `vendor` is thrown.
 */
export type VendorCall = <T>(
  operation: string,
  perform: (signal: AbortSignal, tellUsed: (share: number) => void, send: Send) => Promise<T>,
) => Promise<T>;

/** Sends what a client has made ready to leave, unless this is a dry run and it would change something. */
export type Send = <Answer>(outgoing: Outgoing<Answer>, really: () => Promise<NoInfer<Answer>>) => Promise<Answer>;

/** What is about to leave a client. Whatever is not known to be a read counts as a write. */
export interface Outgoing<Answer> {
  readonly writes: boolean;
  /** What it would write, as it is sent, without what we sign in with; asked for where it is shown. */
  readonly parts: () => readonly Part[] | Promise<readonly Part[]>;
  /** Whether people may see a value of `parts`; ids, moments and numbers they always may. */
  readonly isPlain: (field: string, value: string) => boolean;
  /** The vendor's answer where it takes it. */
  readonly taken: (anew: Anew) => Answer | Promise<Answer>;
}

/** One write of those that a call makes. */
interface Part {
  /** `POST Case`, `AddOrder`. */
  readonly to: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A number of 12 digits that stands for an id which does not exist yet; `what` it is the id of, in plain words. */
export type Anew = (what: string) => number;

/** Stands in the place of sending, for each system and operation. */
export type Gate = <Answer>(
  call: { readonly vendor: string; readonly operation: string },
  outgoing: Outgoing<Answer>,
  really: () => Promise<NoInfer<Answer>>,
) => Promise<Answer>;

/** Sends, as always but in a dry run. */
export const sendIt: Send = (_outgoing, really) => really();
