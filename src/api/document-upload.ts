import type { Documents } from "../integrations/documents/documents.ts";
import { type Intake, NotAcceptedError } from "../queues/intake.ts";
import type { AnyJobKind, UploadRoute } from "../queues/job-kind.ts";
import type { Handler, Reply } from "./exchange.ts";
import { fieldProblems, plainWords } from "./field-problems.ts";
import { type Asked, dryRunAsked, idempotencyKey, invalid, takeIn } from "./jobs.ts";
import { DOCUMENT_RULES, readUpload } from "./upload.ts";

/**
 * `POST /api/…` with a document: it waits in the document store from before its job is accepted. Where no job is made of
 * it, it is erased again, as after a dry run, which may open it; where that is not known, since Redis gave no answer, the nightly
 * sweep does so in time.
 */
export function acceptUpload(
  kind: AnyJobKind,
  route: UploadRoute<unknown>,
  intake: Intake,
  documents: Documents,
  tryOut: (asked: Asked, response: Reply) => Promise<void>,
): Handler {
  const rules = { ...DOCUMENT_RULES, fields: Object.keys(route.fields.shape) };
  return async (request, response) => {
    const now = new Date();
    const { fields, document, problems } = await readUpload(request, rules, documents);
    const forget = async () => {
      if (document !== null) await documents.erase(document.id).catch(() => undefined); // the sweep erases it
    };
    const parsed = route.fields.safeParse(fields, { error: plainWords });
    const { key, errors } = idempotencyKey(request);
    const { isDry, errors: unclear } = dryRunAsked(request);
    const told = new Set(problems.map(({ path }) => path)); // a field that could not be read is not missing, too
    const unfit = parsed.success ? [] : fieldProblems(parsed.error.issues).filter(({ path }) => !told.has(path));
    const wrong = [...problems, ...unfit, ...errors, ...unclear];
    if (wrong.length > 0 || document === null) {
      await forget();
      throw invalid(wrong);
    }
    const asked = { kind, route, payload: route.payloadOf(parsed.data, document), key, now, intake };
    let isKept = false;
    try {
      if (isDry) await tryOut(asked, response);
      else isKept = (await takeIn(asked, response)).withThis;
    } catch (error) {
      isKept = error instanceof NotAcceptedError; // a job may have been made of it all the same
      throw error;
    } finally {
      if (!isKept) await forget();
    }
  };
}
