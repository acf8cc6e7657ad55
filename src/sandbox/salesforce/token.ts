import { createHmac, randomBytes, verify } from "node:crypto";
import type { Answer } from "../exchange.ts";

/** The token endpoint and the sessions it opened. */

export const SALESFORCE_CREDENTIALS = { clientId: "sandbox-client", clientSecret: "sandbox-secret" } as const;
/** The organisation's id, 18 characters. */
export const ORGANIZATION_ID = "00D5g000004AbCdEAK";
/** The user that the system signs in as. */
export const USER_ID = "0055g00000AbCdEAAV";
const JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** Salesforce takes assertions that expire within three minutes; a few seconds more for clocks that differ. */
const LONGEST_ASSERTION_S = 180 + 5;

/** The token of an Authorization header; empty where there is none. */
export const bearerToken = (authorization: string | undefined): string =>
  /^(?:Bearer|OAuth) (\S+)$/i.exec(authorization ?? "")?.[1] ?? "";

export interface Sessions {
  readonly isOpen: (token: string) => boolean;
  readonly expireAll: () => void;
  /** From now on, JWT assertions must be signed by this key's owner (PEM); null: any signature will do. */
  readonly trustPublicKey: (pem: string | null) => void;
  /** Answers the token endpoint; `instanceUrl` is where the caller reached it. */
  readonly grant: (form: URLSearchParams, authorization: string | undefined, instanceUrl: string) => Answer;
}

const refusal = (error: string, description: string): Answer => ({
  status: 400,
  body: { error, error_description: description },
});

function jsonPart(part: string): Readonly<Record<string, unknown>> | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(part)) return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : undefined;
  } catch {
    return undefined; // not JSON: the caller refuses the assertion
  }
}

/** Why the assertion is refused, or undefined if it is good. */
function assertionFault(assertion: string, publicKey: string | null): Answer | undefined {
  const [head = "", claim = "", signature = "", ...rest] = assertion.split(".");
  const header = jsonPart(head);
  const claims = jsonPart(claim);
  if (header === undefined || claims === undefined || rest.length > 0 || !/^[A-Za-z0-9_-]+$/.test(signature))
    return refusal("invalid_grant", "invalid assertion");
  const { iss, sub, aud, exp } = claims;
  if (iss !== SALESFORCE_CREDENTIALS.clientId) return refusal("invalid_client_id", "client identifier invalid");
  if (typeof sub !== "string" || sub === "") return refusal("invalid_grant", "user hasn't approved this consumer");
  if (typeof aud !== "string" || aud === "") return refusal("invalid_grant", "audience is invalid");
  const now = Date.now() / 1000;
  if (typeof exp !== "number" || exp <= now || exp > now + LONGEST_ASSERTION_S)
    return refusal("invalid_grant", "assertion has expired or expires too late");
  const isSigned =
    publicKey === null ||
    (header["alg"] === "RS256" &&
      verify("RSA-SHA256", Buffer.from(`${head}.${claim}`), publicKey, Buffer.from(signature, "base64url")));
  return isSigned ? undefined : refusal("invalid_grant", "invalid assertion signature");
}

function clientFault(form: URLSearchParams, authorization: string | undefined): Answer | undefined {
  const basic = /^Basic (.+)$/i.exec(authorization ?? "")?.[1];
  const [basicId, basicSecret] = basic === undefined ? [] : Buffer.from(basic, "base64").toString("utf8").split(":");
  if ((form.get("client_id") ?? basicId) !== SALESFORCE_CREDENTIALS.clientId)
    return refusal("invalid_client_id", "client identifier invalid");
  if ((form.get("client_secret") ?? basicSecret) !== SALESFORCE_CREDENTIALS.clientSecret)
    return refusal("invalid_client", "invalid client credentials");
  return undefined;
}

export function sessions(): Sessions {
  let open = new Set<string>();
  let publicKey: string | null = null;
  return {
    isOpen: (token) => open.has(token),
    expireAll: () => {
      open = new Set();
    },
    trustPublicKey: (pem) => {
      publicKey = pem;
    },
    grant: (form, authorization, instanceUrl) => {
      const grantType = form.get("grant_type");
      if (grantType !== "client_credentials" && grantType !== JWT_GRANT)
        return refusal("unsupported_grant_type", "grant type not supported");
      const fault =
        grantType === JWT_GRANT
          ? assertionFault(form.get("assertion") ?? "", publicKey)
          : clientFault(form, authorization);
      if (fault !== undefined) return fault;
      const token = `${ORGANIZATION_ID.slice(0, 15)}!AQ${randomBytes(42).toString("base64url")}`;
      open.add(token);
      const id = `${instanceUrl}/id/${ORGANIZATION_ID}/${USER_ID}`;
      const issuedAt = String(Date.now());
      const signature = createHmac("sha256", SALESFORCE_CREDENTIALS.clientSecret)
        .update(id + issuedAt)
        .digest("base64");
      return {
        status: 200,
        body: {
          access_token: token,
          signature,
          scope: "api",
          instance_url: instanceUrl,
          id,
          token_type: "Bearer",
          issued_at: issuedAt,
        },
      };
    },
  };
}
