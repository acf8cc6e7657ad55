import { createPrivateKey, sign, type KeyObject } from "node:crypto";
import { OAuth2 } from "jsforce/lib/core.js"; // the rest of jsforce is as much again to load
import * as z from "zod";
import { UnavailableError } from "../../domain/errors.ts";
import type { Settings } from "../../settings.ts";
import { salesforceError } from "./errors.ts";
import { speakThrough } from "./transport.ts";

/** What a sign-in gives. */
export interface Session {
  readonly accessToken: string;
  /** Scheme, host and port of the org: the only place that the token is sent to. */
  readonly origin: string;
}

export interface Sessions {
  /** The session in use, or a new one. */
  current(asker: Asker): Promise<Session>;
  /** A session other than `refused`: one that someone else has got meanwhile, or a new one. */
  after(refused: Session, asker: Asker): Promise<Session>;
  /** Says that a session is no longer taken: the next call gets another. */
  refuse(session: Session): void;
}

/** The call that needs a session. */
export interface Asker {
  /** Ends the waiting; the sign-in itself ends with the signal of whoever began it. */
  readonly signal: AbortSignal;
  /** `performance.now()` when the call began: a sign-in that failed since then counts for it too. */
  readonly since: number;
}

export type SignInSettings = Pick<
  Settings,
  | "SALESFORCE_LOGIN_URL"
  | "SALESFORCE_CLIENT_ID"
  | "SALESFORCE_CLIENT_SECRET"
  | "SALESFORCE_USERNAME"
  | "SALESFORCE_PRIVATE_KEY"
>;

/**
 * Keeps one session for all calls. At most one sign-in is under way, all calls that need one share its end, good or
 * bad, and each call asks for at most one new session: sessions that are refused for ever cost one sign-in a call.
 */
export function keepSessions(settings: SignInSettings): Sessions {
  const signIn = signInWith(settings);
  let held: Session | null = null;
  let underWay: Promise<Session> | null = null;
  let failed: { readonly at: number; readonly error: unknown } | null = null;

  async function begin(signal: AbortSignal): Promise<Session> {
    try {
      held = await signIn(signal);
      return held;
    } catch (error) {
      failed = { at: performance.now(), error };
      throw error;
    } finally {
      underWay = null;
    }
  }

  async function obtain({ signal, since }: Asker): Promise<Session> {
    if (held !== null) return held;
    if (underWay === null) {
      if (failed !== null && failed.at >= since) throw failed.error;
      underWay = begin(signal);
    }
    return orAborted(underWay, signal);
  }

  const refuse = (session: Session) => {
    if (held === session) held = null;
  };

  return {
    current: obtain,
    after(refused, asker) {
      refuse(refused);
      return obtain(asker);
    },
    refuse,
  };
}

/** `promise`, or the end of patience when `signal` aborts first. */
function orAborted(promise: Promise<Session>, signal: AbortSignal): Promise<Session> {
  return new Promise((resolve, reject) => {
    const giveUp = () =>
      reject(
        salesforceError({ asked: "sign-in", trouble: { kind: "network", failure: "deadline" }, cause: signal.reason }),
      );
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

const tokenAnswer = z.object({ access_token: z.string().min(1), instance_url: z.url({ protocol: /^https?$/ }) });

function signInWith(settings: SignInSettings): (signal: AbortSignal) => Promise<Session> {
  const { SALESFORCE_LOGIN_URL: loginUrl, SALESFORCE_CLIENT_ID: clientId } = settings;
  if (loginUrl === undefined || clientId === undefined)
    throw new Error("SALESFORCE_LOGIN_URL and SALESFORCE_CLIENT_ID are needed");
  const clientSecret = settings.SALESFORCE_CLIENT_SECRET?.reveal();
  const grant =
    clientSecret === undefined ? jwtGrant(settings, clientId, loginUrl) : () => ({ grant_type: "client_credentials" });
  const login = new URL(loginUrl);

  return async (signal) => {
    const oauth2 = new OAuth2({ loginUrl, clientId, ...(clientSecret === undefined ? {} : { clientSecret }) });
    speakThrough(oauth2, { signal, asked: "sign-in", origin: login.origin });
    const answer = tokenAnswer.safeParse(await oauth2.requestToken(grant()));
    if (!answer.success)
      throw salesforceError({ asked: "sign-in", trouble: { kind: "unreadable", status: 200 }, cause: answer.error });
    const instance = new URL(answer.data.instance_url);
    if (!isOfSameHouse(instance, login)) {
      throw new UnavailableError({
        vendor: "salesforce",
        scope: "vendor",
        code: "salesforce-instance-url",
        title: "Salesforce named an instance that is not https, or none of Salesforce's hosts.",
        detail: "No token is sent there. Check that SALESFORCE_LOGIN_URL is really Salesforce. Jobs wait meanwhile.",
      });
    }
    return { accessToken: answer.data.access_token, origin: instance.origin };
  };
}

/** Whether a token of `login` may go to `instance`: to the host that gave it, or to one of Salesforce's. */
function isOfSameHouse(instance: URL, login: URL): boolean {
  if (instance.protocol !== "https:" && login.protocol !== "http:") return false;
  return instance.hostname === login.hostname || instance.hostname.endsWith(".salesforce.com");
}

/** Salesforce allows three minutes; one is left for clocks that differ. */
const JWT_LIFETIME_S = 120;

function jwtGrant(settings: SignInSettings, clientId: string, loginUrl: string) {
  const { SALESFORCE_USERNAME: username, SALESFORCE_PRIVATE_KEY: pem } = settings;
  if (username === undefined || pem === undefined) {
    throw new Error("SALESFORCE_CLIENT_SECRET, or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY, is needed");
  }
  const key = privateKey(pem.reveal());
  const audience = jwtAudience(loginUrl);
  return () => {
    const claims = { iss: clientId, sub: username, aud: audience, exp: Math.floor(Date.now() / 1000) + JWT_LIFETIME_S };
    const unsigned = [{ alg: "RS256", typ: "JWT" }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature = sign("RSA-SHA256", Buffer.from(unsigned), key).toString("base64url");
    return { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion: `${unsigned}.${signature}` };
  };
}

/** An environment variable often holds the PEM's line breaks as `\n`. */
function privateKey(pem: string): KeyObject {
  try {
    return createPrivateKey(pem.replaceAll(String.raw`\n`, "\n"));
  } catch {
    // The cause would show parts of the key.
    throw new Error("SALESFORCE_PRIVATE_KEY is not a PEM private key");
  }
}

/** Salesforce takes itself to be login or test.salesforce.com, whatever host of its own is called; others are named by their origin. */
export function jwtAudience(loginUrl: string): string {
  const { hostname, origin } = new URL(loginUrl);
  if (!hostname.endsWith(".salesforce.com")) return origin;
  const isSandbox = hostname === "test.salesforce.com" || hostname.includes("--") || hostname.includes(".sandbox.");
  return isSandbox ? "https://test.salesforce.com" : "https://login.salesforce.com";
}
