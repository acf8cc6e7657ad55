/**
 * How a client makes one call to its vendor: under a deadline, behind the vendor's breaker, counted by operation.
 *
 * `perform` gets a signal that aborts the whole exchange at the deadline, and throws errors of `errors.ts` only. Where a
 * reply says which share of what the vendor allows us in a day is used, it tells so.
 * While the breaker is open the call is not made and an `UnavailableError` of scope `vendor` is thrown.
 */
export type VendorCall = <T>(
  operation: string,
  perform: (signal: AbortSignal, tellUsed: (share: number) => void) => Promise<T>,
) => Promise<T>;
