/**
 * How a client makes one call to its vendor: under a deadline, behind the vendor's breaker, counted by operation.
 *
 * `perform` gets a signal that aborts the whole exchange at the deadline, and throws errors of `errors.ts` only.
 * While the breaker is open the call is not made and an `UnavailableError` of scope `vendor` is thrown.
 */
export type VendorCall = <T>(operation: string, perform: (signal: AbortSignal) => Promise<T>) => Promise<T>;
