import * as oidc from "openid-client";
import { RejectedError, UnavailableError } from "../domain/errors.ts";
import type { DashboardRole, Settings } from "../settings.ts";

/**
 * The company's own sign-in: an OpenID Connect provider, asked by the authorization code flow with PKCE, state and nonce.
 * It is found when somebody first signs in with it, and again after any failure: one that is away takes nothing else down.
 */

export type ProviderSettings = Pick<
  Settings,
  | "OIDC_ISSUER"
  | "OIDC_CLIENT_ID"
  | "OIDC_CLIENT_SECRET"
  | "OIDC_SCOPE"
  | "OIDC_NAME_CLAIM"
  | "OIDC_ROLE_CLAIM"
  | "OIDC_ROLES"
  | "PUBLIC_URL"
>;

/** What the browser keeps while a person is at the provider. */
export interface Errand {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

export interface Person {
  readonly name: string;
  /** Undefined where nothing that the provider says of the person stands for a role. */
  readonly role: DashboardRole | undefined;
}

export interface Provider {
  /** As people know it. */
  readonly host: string;
  /** All that decides who is what; where it changes, sessions that rest on it are over. */
  readonly ground: string;
  /** Where to send somebody who wants to sign in. Throws `UnavailableError` where the provider is away. */
  begin(): Promise<{ readonly url: URL; readonly errand: Errand }>;
  /** Who came back with `query`. Throws `RejectedError` where that is no answer to the errand, `UnavailableError` where it cannot be found out. */
  finish(query: string, errand: Errand): Promise<Person>;
}

/** Where the provider sends people back to, below PUBLIC_URL. */
export const RETURN_PATH = "/sign-in/return";

/** Somebody waits for each of these calls. */
const DEADLINE_S = 5;

const STRONGEST_FIRST: readonly DashboardRole[] = ["admin", "operator", "viewer"];

/** Undefined where OIDC_ISSUER is not set. */
export function providerOf(settings: ProviderSettings): Provider | undefined {
  const {
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: clientId,
    OIDC_CLIENT_SECRET: secret,
    OIDC_ROLES: roles,
    PUBLIC_URL: publicUrl,
  } = settings;
  if (issuer === undefined) return undefined;
  if (clientId === undefined || secret === undefined || roles === undefined || publicUrl === undefined)
    throw new Error("the provider's settings were not checked at start");
  const { OIDC_SCOPE: scope, OIDC_NAME_CLAIM: nameClaim, OIDC_ROLE_CLAIM: roleClaim } = settings;
  const { host } = new URL(issuer);
  const redirectUri = publicUrl + RETURN_PATH;

  let found: Promise<oidc.Configuration> | undefined;
  const configuration = () => (found ??= discover(issuer, clientId, secret.reveal()));
  const asked = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      const fault = error instanceof RejectedError ? error : faultOf(error, host);
      if (fault instanceof UnavailableError) found = undefined; // what was known of it may be what is wrong
      throw fault;
    }
  };

  return {
    host,
    ground: JSON.stringify([issuer, clientId, nameClaim, roleClaim, roles]),
    begin: () =>
      asked(async () => {
        const known = await configuration();
        const errand = {
          state: oidc.randomState(),
          nonce: oidc.randomNonce(),
          verifier: oidc.randomPKCECodeVerifier(),
        };
        const url = oidc.buildAuthorizationUrl(known, {
          redirect_uri: redirectUri,
          scope,
          state: errand.state,
          nonce: errand.nonce,
          code_challenge: await oidc.calculatePKCECodeChallenge(errand.verifier),
          code_challenge_method: "S256",
        });
        return { url, errand };
      }),
    finish: (query, { state, nonce, verifier }) =>
      asked(async () => {
        const claims = await claimsOf(await configuration(), new URL(redirectUri + query), {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
          idTokenExpected: true,
        });
        const values = textsIn(claimAt(claims, roleClaim));
        const given = roles.filter(({ value }) => values.includes(value)).map(({ role }) => role);
        const role = STRONGEST_FIRST.find((one) => given.includes(one));
        return { name: nameIn(claims, nameClaim, host), role };
      }),
  };
}

type Claims = Readonly<Record<string, unknown>>;

function discover(issuer: string, clientId: string, secret: string): Promise<oidc.Configuration> {
  // Without an agreed way of its own a client proves itself by Basic; the older ones take the secret in the form alone.
  const basic = oidc.ClientSecretBasic(secret);
  const post = oidc.ClientSecretPost(secret);
  const authenticate: oidc.ClientAuth = (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported;
    (methods === undefined || methods.includes("client_secret_basic") ? basic : post)(server, ...rest);
  };
  // oxlint-disable-next-line typescript/no-deprecated -- marked so to be noticed; the settings allow http on this machine alone
  const near = issuer.startsWith("http:") ? [oidc.allowInsecureRequests] : [];
  return oidc.discovery(new URL(issuer), clientId, undefined, authenticate, {
    timeout: DEADLINE_S,
    execute: [oidc.enableNonRepudiationChecks, ...near],
  });
}

/** What the provider says of who came back: in the ID token, and where it says more, at its userinfo address. */
async function claimsOf(
  known: oidc.Configuration,
  url: URL,
  checks: oidc.AuthorizationCodeGrantChecks,
): Promise<Claims> {
  const tokens = await oidc.authorizationCodeGrant(known, url, checks);
  const claims = tokens.claims();
  if (claims === undefined) throw new oidc.ClientError("no ID token");
  if (known.serverMetadata().userinfo_endpoint === undefined) return claims;
  return { ...(await oidc.fetchUserInfo(known, tokens.access_token, claims.sub)), ...claims };
}

/** `claim` by its whole name, or else by the names of objects within each other: `realm_access.roles`. */
function claimAt(claims: Claims, claim: string): unknown {
  if (Object.hasOwn(claims, claim)) return claims[claim];
  return claim.split(".").reduce<unknown>((within, name) => {
    return typeof within === "object" && within !== null && Object.hasOwn(within, name)
      ? Object.getOwnPropertyDescriptor(within, name)?.value
      : undefined;
  }, claims);
}

function textsIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [value];
}

function nameIn(claims: Claims, claim: string, host: string): string {
  const name = claimAt(claims, claim);
  // An address that nobody proved to be theirs could be anybody's.
  const isProved = claim !== "email" || claims["email_verified"] !== false;
  if (typeof name === "string" && /^[^\p{C}]{1,200}$/u.test(name) && isProved) return name;
  throw new RejectedError({
    code: "no-name",
    title: "You could not be signed in.",
    detail: `${host} does not say who you are: the claim ${claim} is missing, unfit or not verified. Ask whoever looks after Handoff.`,
    vendor: null,
  });
}

/** Words for people, without what strangers can put into an address. */
function faultOf(cause: unknown, host: string): RejectedError | UnavailableError {
  if (cause instanceof oidc.AuthorizationResponseError) {
    return new RejectedError({
      code: "provider-refused",
      title: "You were not signed in.",
      detail: `${host} did not let you in, or you turned back there (${codeIn(cause.error)}).`,
      vendor: null,
      cause,
    });
  }
  if (isOutOfPlace(cause)) {
    return new RejectedError({
      code: "provider-answer",
      title: "You could not be signed in.",
      detail: `What came back from ${host} does not belong to a sign-in that was begun here, or is used up. Begin again.`,
      vendor: null,
      cause,
    });
  }
  if (cause instanceof oidc.ResponseBodyError || cause instanceof oidc.WWWAuthenticateChallengeError) {
    const code = cause instanceof oidc.ResponseBodyError ? codeIn(cause.error) : String(cause.status);
    return new UnavailableError({
      code: "provider-refuses-us",
      title: `${host} refuses Handoff itself (${code}).`,
      detail:
        "Whoever looks after Handoff must check OIDC_CLIENT_ID, OIDC_CLIENT_SECRET, and what the provider allows it.",
      vendor: null,
      scope: "call",
      cause,
    });
  }
  return new UnavailableError({
    code: "provider-away",
    title: `${host} cannot be asked.`,
    detail: "It does not answer, or not as a sign-in should. Try again in a moment.",
    vendor: null,
    scope: "call",
    cause,
  });
}

/** An error code of the standard, and nothing that somebody else made up. */
function codeIn(code: string): string {
  return /^[a-z_]{1,40}$/.test(code) ? code : "without a reason";
}

/** Whether the provider is well, but what came back fits no errand: a code that is used up, the state or nonce of another one. */
function isOutOfPlace(cause: unknown): boolean {
  if (cause instanceof oidc.ResponseBodyError) return cause.error === "invalid_grant";
  return (
    cause instanceof oidc.ClientError &&
    ["OAUTH_INVALID_RESPONSE", "OAUTH_JWT_CLAIM_COMPARISON_FAILED", "OAUTH_JWT_TIMESTAMP_CHECK_FAILED"].includes(
      cause.code ?? "",
    )
  );
}
