import { afterAll, beforeAll, beforeEach } from "vitest";
import type { Sandbox, SandboxOptions } from "../../src/sandbox/sandbox.ts";
import { startSandbox } from "../../src/sandbox/sandbox.ts";

/** One sandbox for a test file, back at its seed before each test. */

export interface Answered {
  readonly status: number;
  readonly headers: Headers;
  /** Parsed where it is JSON. */
  readonly body: unknown;
}

export interface Running {
  readonly url: () => string;
  readonly smtpUrl: () => string;
  /** Calls `/control/…`. */
  readonly control: (method: string, path: string, body?: unknown) => Promise<Answered>;
  /** Signs in once per test and calls `/services/data/v62.0/…`. */
  readonly rest: (method: string, path: string, body?: unknown, options?: CallOptions) => Promise<Answered>;
  readonly query: (soql: string) => Promise<Answered>;
  /** Calls a WHMCS action with the sandbox's credentials. */
  readonly whmcs: (
    action: string,
    parameters?: Readonly<Record<string, string>>,
    options?: CallOptions,
  ) => Promise<Answered>;
  /** The state of one kind of thing: `["salesforce", "Case"]`. */
  readonly state: (...path: readonly string[]) => Promise<unknown>;
  /** The rows of one kind that the seed did not have. */
  readonly made: (...path: readonly string[]) => Promise<readonly unknown[]>;
  /** An id of the seed: `["accounts", "unasked"]`. */
  readonly seeded: (group: string, name: string) => Promise<string>;
}

interface CallOptions {
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

export const CREDENTIALS = { client_id: "sandbox-client", client_secret: "sandbox-secret" };
export const WHMCS = { identifier: "sandbox-identifier", secret: "sandbox-secret", responsetype: "json" };

/** What stands in nested objects under `path`; undefined where there is nothing. */
export function inside(value: unknown, ...path: readonly (string | number)[]): unknown {
  return path.reduce<unknown>(
    (at, step) => (typeof at === "object" && at !== null ? new Map(Object.entries(at)).get(String(step)) : undefined),
    value,
  );
}

export async function call(url: string, init: RequestInit): Promise<Answered> {
  const response = await fetch(url, init);
  const text = await response.text();
  const isJson = (response.headers.get("content-type") ?? "").includes("json");
  return { status: response.status, headers: response.headers, body: isJson ? (JSON.parse(text) as unknown) : text };
}

export function runningSandbox(options: SandboxOptions = {}): Running {
  let sandbox: Sandbox | undefined;
  let token: string | undefined;
  beforeAll(async () => {
    sandbox = await startSandbox(options);
  });
  afterAll(() => sandbox?.close());
  const url = () => sandbox?.url ?? "";
  const json = (method: string, body: unknown, headers: Readonly<Record<string, string>> = {}): RequestInit => ({
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const control: Running["control"] = (method, path, body) => call(`${url()}/control/${path}`, json(method, body));
  const signIn = async () => {
    const { body } = await call(`${url()}/services/oauth2/token`, {
      method: "POST",
      body: new URLSearchParams({ grant_type: "client_credentials", ...CREDENTIALS }),
    });
    return String(inside(body, "access_token"));
  };
  const rest: Running["rest"] = async (method, path, body, { signal, headers } = {}) => {
    token ??= await signIn();
    return call(`${url()}/services/data/v62.0/${path}`, {
      ...json(method, body, { authorization: `Bearer ${token}`, ...headers }),
      ...(signal === undefined ? {} : { signal }),
    });
  };
  const state: Running["state"] = async (...path) => inside((await control("GET", "state")).body, ...path);
  let seedState: unknown;
  const rowsIn = (whole: unknown, path: readonly string[]): readonly unknown[] => {
    const rows = inside(whole, ...path);
    return Array.isArray(rows) ? rows : [];
  };
  const idOf = (row: unknown) => inside(row, "Id") ?? inside(row, "id");
  beforeEach(async () => {
    token = undefined;
    await control("POST", "reset");
    seedState = await state();
  });
  return {
    url,
    smtpUrl: () => sandbox?.smtpUrl ?? "",
    control,
    rest,
    query: (soql) => rest("GET", `query?q=${encodeURIComponent(soql)}`),
    whmcs: (action, parameters = {}, { signal } = {}) =>
      call(`${url()}/whmcs/includes/api.php`, {
        method: "POST",
        body: new URLSearchParams({ ...WHMCS, action, ...parameters }),
        ...(signal === undefined ? {} : { signal }),
      }),
    state,
    made: async (...path) => {
      const known = new Set(rowsIn(seedState, path).map(idOf));
      return rowsIn(await state(), path).filter((row) => !known.has(idOf(row)));
    },
    seeded: async (group, name) => String(await state("seed", group, name)),
  };
}
