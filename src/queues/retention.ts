/** How long the natural keys and the ledgers of jobs that ended well are remembered. */
export const MEMORY_MS = 30 * 86_400_000;

/** Failed jobs wait for a person this long, with the personal data sealed in them (`design.md`, Decisions). */
export const FAILED_KEPT_MS = 90 * 86_400_000;

/** Completed jobs, with the personal data sealed in them, go after this. */
export const COMPLETED_KEPT_MS = 7 * 86_400_000;
