import type { Answer } from "../exchange.ts";
import type { Fault } from "../faults.ts";

const STATUS_OF: Readonly<Record<string, number>> = {
  INVALID_SESSION_ID: 401,
  REQUEST_LIMIT_EXCEEDED: 403,
  API_DISABLED_FOR_ORG: 403,
  NOT_FOUND: 404,
  ENTITY_IS_DELETED: 404,
  METHOD_NOT_ALLOWED: 405,
  UNKNOWN_EXCEPTION: 500,
  SERVER_UNAVAILABLE: 503,
};

/** A refusal in Salesforce's own words. The HTTP status follows from the code: 400 unless the code has its own. */
export class SalesforceError extends Error {
  readonly errorCode: string;
  readonly fields: readonly string[] | undefined;
  readonly status: number;
  constructor(errorCode: string, message: string, fields?: readonly string[]) {
    super(message);
    this.name = "SalesforceError";
    this.errorCode = errorCode;
    this.fields = fields;
    this.status = STATUS_OF[errorCode] ?? 400;
  }
}

export function errorAnswer(error: SalesforceError): Answer {
  const { message, errorCode, fields } = error;
  return { status: error.status, body: [{ message, errorCode, ...(fields === undefined ? {} : { fields }) }] };
}

/** The answer to a fault of mode `error`; its `status` goes before the code's own. */
export function orderedErrorAnswer(fault: Fault): Answer {
  const code = fault.code ?? "UNKNOWN_EXCEPTION";
  const message = typeof fault.body === "string" ? fault.body : `The sandbox was told to answer ${code}`;
  const answer = errorAnswer(new SalesforceError(code, message, []));
  return fault.status === undefined ? answer : { ...answer, status: fault.status };
}
