import type { Documents } from "../integrations/documents/documents.ts";
import { type Intake, NotAcceptedError } from "../queues/intake.ts";
import type { AnyJobKind, UploadRoute } from "../queues/job-kind.ts";
import type { Handler } from "./exchange.ts";
import { fieldProblems, plainWords } from "./field-problems.ts";
import { dryRunAsked, idempotencyKey, invalid, takeIn } from "./jobs.ts";
import { DOCUMENT_RULES, readUpload } from "./upload.ts";

/** The document would have to be stored first, and what is stored is no dry run. */
const NO_DRY_RUN = { path: "dryRun", message: "must not be true here: a document has no dry run" };

/**
 * `POST /api/…` with a document: it waits in the document store from before its job is accepted. Where no job is made of
 * it, it is erased again; where that is not known, since Redis gave no answer, the nightly sweep does so in time.
 */
export function acceptUpload(
  kind: AnyJobKind,
  route: UploadRoute<unknown>,
  intake: Intake,
  documents: Documents,
): Handler {
  const rules = { ...DOCUMENT_RULES, fields: Object.keys(route.fields.shape) };
  return async (request, response) => {
    const now = new Date();
    const { isDry, errors: unclear } = dryRunAsked(request);
    if (isDry || unclear.length > 0) throw invalid(isDry ? [NO_DRY_RUN] : unclear);
    const { fields, document, problems } = await readUpload(request, rules, documents);
    const forget = async () => {
      if (document !== null) await documents.erase(document.id).catch(() => undefined); // the sweep erases it
    };
    const parsed = route.fields.safeParse(fields, { error: plainWords });
    const { key, errors } = idempotencyKey(request);
    const told = new Set(problems.map(({ path }) => path)); // a field that could not be read is not missing, too
    const unfit = parsed.success ? [] : fieldProblems(parsed.error.issues).filter(({ path }) => !told.has(path));
    const wrong = [...problems, ...unfit, ...errors];
    if (wrong.length > 0 || document === null) {
      await forget();
      throw invalid(wrong);
    }
    const payload = route.payloadOf(parsed.data, document);
    try {
      const { withThis } = await takeIn({ kind, route, payload, key, now, intake }, response);
      if (!withThis) await forget();
    } catch (error) {
      if (!(error instanceof NotAcceptedError)) await forget();
      throw error;
    }
  };
}
