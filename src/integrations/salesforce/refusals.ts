import { RejectedError } from "../../domain/errors.ts";
import type { ApiError } from "./errors.ts";

interface Advice {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

/** What each permanent error code means to a person. First match wins. */
const ADVICE: readonly (readonly [RegExp, Advice])[] = [
  [
    /^REQUIRED_FIELD_MISSING$/,
    {
      code: "salesforce-required-field",
      title: "Salesforce requires a field that we do not fill in",
      detail: "Make the field optional in Salesforce, or give it a default.",
    },
  ],
  [
    /^INVALID_FIELD$|^INVALID_TYPE$/,
    {
      code: "salesforce-unknown-field",
      title: "Salesforce does not know a field or object that we use",
      detail: "Create it, let the integration user see it, or name the right one in SALESFORCE_FIELDS.",
    },
  ],
  [
    /^INVALID_FIELD_FOR_INSERT_UPDATE$/,
    {
      code: "salesforce-read-only-field",
      title: "Salesforce does not let us write a field",
      detail: "Give the integration user edit access to the field.",
    },
  ],
  [
    /^INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST$/,
    {
      code: "salesforce-picklist",
      title: "Salesforce's picklist lacks a value that we write",
      detail: "Add the value to the picklist (and to the record type).",
    },
  ],
  [
    /^STRING_TOO_LONG$/,
    {
      code: "salesforce-too-long",
      title: "A text is too long for its field in Salesforce",
      detail: "Make the field longer in Salesforce, or ask for less text.",
    },
  ],
  [
    /^FIELD_CUSTOM_VALIDATION_EXCEPTION$/,
    {
      code: "salesforce-validation-rule",
      title: "A validation rule in Salesforce refused the record",
      detail: "Correct the record, or exempt the integration user from the rule.",
    },
  ],
  [
    /^DUPLICATE/,
    {
      code: "salesforce-duplicate",
      title: "Salesforce holds such a record already",
      detail: "Look for the duplicate in Salesforce; a duplicate rule or a unique field stands in the way.",
    },
  ],
  [
    /^(INVALID_CROSS_REFERENCE_KEY|NOT_FOUND|ENTITY_IS_DELETED|MALFORMED_ID)$/,
    {
      code: "salesforce-no-such-record",
      title: "A record that this needs is not in Salesforce, or not visible to us",
      detail: "Check that it was not deleted or merged, and that the integration user may see it.",
    },
  ],
  [
    /^INSUFFICIENT_ACCESS/,
    {
      code: "salesforce-access",
      title: "The integration user lacks access in Salesforce",
      detail: "Give it the permission on the object, its fields and the record.",
    },
  ],
  [
    /^STORAGE_LIMIT_EXCEEDED$/,
    { code: "salesforce-storage", title: "Salesforce's storage is full", detail: "Free or buy storage, then retry." },
  ],
  [
    /^(CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY|CANNOT_EXECUTE_FLOW_TRIGGER|APEX_ERROR)$/,
    {
      code: "salesforce-automation",
      title: "A trigger or flow in Salesforce refused the record",
      detail: "Ask the Salesforce administrator: the debug log of the integration user tells which.",
    },
  ],
];

const OTHERWISE: Advice = {
  code: "salesforce-refused",
  title: "Salesforce refused the request",
  detail: "Look the error code up in Salesforce's documentation, mend the cause, then retry.",
};

/** The error for `errors` that no second try will change, about a record of `object`. */
export function refusedForGood(errors: readonly ApiError[], object: string | undefined, cause: unknown): RejectedError {
  const first = errors.find(({ errorCode }) => ADVICE.some(([pattern]) => pattern.test(errorCode))) ?? errors[0];
  const advice = ADVICE.find(([pattern]) => first !== undefined && pattern.test(first.errorCode))?.[1] ?? OTHERWISE;
  return new RejectedError({
    vendor: "salesforce",
    code: advice.code,
    title: `${advice.title}${whereabouts(errors, object)}.`,
    detail: advice.detail,
    cause,
  });
}

/** `: Case.Type (INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST)`: only names that are Salesforce's own, never its prose. */
function whereabouts(errors: readonly ApiError[], object: string | undefined): string {
  const places = new Set<string>();
  for (const error of errors) {
    const [, named, of] =
      /No such column '([\w.]{1,80})' on (?:entity|sobject of type) '?(\w{1,80})/.exec(error.message) ?? [];
    const owner = of ?? object;
    const fields = named === undefined ? error.fields.filter((field) => /^[\w.]{1,80}$/.test(field)) : [named];
    for (const field of fields) places.add(owner === undefined ? field : `${owner}.${field}`);
  }
  if (places.size === 0 && object !== undefined) places.add(object);
  const named = places.size === 0 ? "" : `: ${[...places].join(", ")}`;
  return `${named}${codes(errors)}`;
}

/** ` (CODE, CODE)`, or nothing: an error code is upper case (the API) or lower case (sign-in), without spaces. */
export function codes(errors: readonly ApiError[]): string {
  const clean = new Set(errors.map(({ errorCode }) => errorCode).filter((code) => /^\w{1,80}$/.test(code)));
  return clean.size === 0 ? "" : ` (${[...clean].join(", ")})`;
}
