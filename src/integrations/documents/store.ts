/** Where sealed documents lie, by id. Knows nothing of what is in them; whatever it throws means that it is away. */
export interface SealedStore {
  /** Under its name only once complete and safe; where it fails, or `sealed` does, nothing is left. */
  write(id: string, sealed: AsyncIterable<Buffer>): Promise<void>;
  /** Throws `NotStoredError`, once the first chunk is asked for, where there is none. */
  read(id: string): AsyncIterable<Buffer>;
  /** Of one that is not there, too. */
  erase(id: string): Promise<void>;
  /** The ids of what was written before `moment` (milliseconds of Unix time), and of what a crash left half written. */
  writtenBefore(moment: number): Promise<readonly string[]>;
}

export class NotStoredError extends Error {}
