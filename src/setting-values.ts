import * as z from "zod";
import type { QuietHours } from "./domain/alert.ts";
import { type Owner, OWNERS } from "./domain/causes.ts";
import { OWN_CLIENTS } from "./domain/clients.ts";

/** How the values of settings are written (the contract's section 2): a schema for each form, from the text to what it says. */

/** A value that never shows: printed, logged or put into JSON it reads `[secret]`. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  /** The value itself, for the one call that needs it. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return "[secret]";
  }
  toJSON(): string {
    return "[secret]";
  }
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return "[secret]";
  }
}

export type Role = "api" | "worker" | "dashboard";
export const EVERY_ROLE: readonly Role[] = ["api", "worker", "dashboard"];

export const text = z.string().trim().min(1, "must not be empty");
export const secret = text.transform((value) => new Secret(value));
export const count = (least: number, most: number) => {
  const error = `must be a whole number from ${least} to ${most}`;
  return z.coerce.number({ error }).int({ error }).min(least, { error }).max(most, { error });
};
export const httpUrl = z
  .url({ protocol: /^https?$/, error: "must be an http:// or https:// URL" })
  .transform((url) => url.replace(/\/+$/, ""));
export const smtpUrl = z
  .url({ protocol: /^smtps?$/, error: "must be an smtp:// or smtps:// URL" })
  .transform((url) => new Secret(url));
export const hostList = text.transform((list, context) =>
  list.split(",").map((entry) => {
    const [, host, port] = /^(.+):(\d{1,5})$/.exec(entry.trim()) ?? [];
    if (host === undefined || port === undefined) {
      context.addIssue({ code: "custom", message: "must be host:port, host:port, …" });
      return { host: "", port: 0 };
    }
    return { host, port: Number(port) };
  }),
);

const namesIn = (list: string) => list.split(",").map((name) => name.trim());
export const rolesIn = (list: string): ReadonlySet<Role> =>
  new Set(EVERY_ROLE.filter((role) => namesIn(list).includes(role)));
export const roles = text.transform((list, context): ReadonlySet<Role> => {
  const unknown = namesIn(list).filter((name) => !EVERY_ROLE.some((known) => known === name));
  if (unknown.length > 0) context.addIssue({ code: "custom", message: `must name only ${EVERY_ROLE.join(", ")}` });
  return rolesIn(list);
});

export interface ApiKey {
  readonly client: string;
  readonly key: Secret;
}
export const apiKeys = text.transform((list, context): readonly ApiKey[] => {
  const keys = list.split(",").map((entry) => {
    const at = entry.indexOf(":");
    const client = entry.slice(0, at).trim();
    const key = entry.slice(at + 1).trim();
    if (at < 1 || key.length < 16 || !/^[\w.-]+$/.test(client)) {
      context.addIssue({
        code: "custom",
        message: "must be client:key,client:key, with keys of at least 16 characters",
      });
    }
    return { client, key: new Secret(key) };
  });
  const taken = OWN_CLIENTS.find((own) => keys.some(({ client }) => client === own));
  if (taken !== undefined)
    context.addIssue({
      code: "custom",
      message: `must not name a client ${taken}: Handoff calls so what comes by itself`,
    });
  const perClient = Map.groupBy(keys, ({ client }) => client);
  for (const [client, entries] of perClient) {
    if (entries.length > 2) context.addIssue({ code: "custom", message: `has more than two keys for ${client}` });
  }
  return keys;
});

/** Where somebody wants to hear of something by a signed post. */
function isReceiver(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && /^https?:$/.test(parsed.protocol) && `${parsed.username}${parsed.password}` === "";
}

/** In the form of the Standard Webhooks specification: whsec_, and 24 to 64 bytes in base64. */
function isWebhookSecret(secret: string): boolean {
  const [, base64 = ""] = /^whsec_([A-Za-z0-9+/]+=*)$/.exec(secret) ?? [];
  const key = Buffer.from(base64, "base64");
  return key.length >= 24 && key.length <= 64 && key.toString("base64") === base64;
}

/** Where a client of the REST API wants to hear that its jobs have ended. */
export interface CallbackUrl {
  readonly client: string;
  /** Its path or query may hold a secret of the receiver's. */
  readonly url: Secret;
}
export const callbackUrls = text.transform((list, context): readonly CallbackUrl[] => {
  const urls = list.split(",").map((entry) => {
    const [, client = "", url = ""] = /^\s*([\w.-]+)=(\S+)\s*$/.exec(entry) ?? [];
    if (!isReceiver(url)) {
      context.addIssue({
        code: "custom",
        message:
          "must be client=https://…,client=https://…, without user and password; a comma within a URL is written %2C",
      });
    }
    return { client, url: new Secret(url) };
  });
  if (new Set(urls.map(({ client }) => client)).size < urls.length)
    context.addIssue({ code: "custom", message: "must name one URL a client" });
  return urls;
});

export interface CallbackSecret {
  readonly client: string;
  readonly secret: Secret;
}
export const callbackSecrets = text.transform((list, context): readonly CallbackSecret[] => {
  const secrets = list.split(",").map((entry) => {
    const [, client = "", secret = ""] = /^\s*([\w.-]+):(\S+)\s*$/.exec(entry) ?? [];
    if (!isWebhookSecret(secret)) {
      context.addIssue({
        code: "custom",
        message: "must be client:whsec_…,client:whsec_…, with 24 to 64 bytes in base64 (openssl rand -base64 32)",
      });
    }
    return { client, secret: new Secret(secret) };
  });
  for (const [client, entries] of Map.groupBy(secrets, ({ client }) => client)) {
    if (entries.length > 2) context.addIssue({ code: "custom", message: `has more than two secrets for ${client}` });
  }
  return secrets;
});

export const alertEmails = text.transform((list, context): ReadonlyMap<Owner, string> => {
  const addresses = new Map<Owner, string>();
  for (const entry of list.split(",")) {
    const [, owner, address] = /^\s*([\w-]+)=(\S+)\s*$/.exec(entry) ?? [];
    const known = OWNERS.find((one) => one === owner);
    if (known === undefined || !z.email().safeParse(address).success || addresses.has(known)) {
      context.addIssue({
        code: "custom",
        message: `must be owner=address,owner=address, with one address for each of ${OWNERS.join(", ")} at most`,
      });
    } else addresses.set(known, address ?? "");
  }
  return addresses;
});
export const alertWebhook = text
  .refine(isReceiver, "must be an http:// or https:// URL, without user and password")
  .transform((url) => new Secret(url));
export const alertWebhookSecrets = text
  .transform((list) => namesIn(list))
  .refine(
    (secrets) => secrets.length <= 2 && secrets.every(isWebhookSecret),
    "must be whsec_… with 24 to 64 bytes in base64 (openssl rand -base64 32), or new,old",
  )
  .transform((secrets) => secrets.map((secret) => new Secret(secret)));
export const quietHours = text.transform((hours, context): QuietHours => {
  const [, ...parts] = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(hours) ?? [];
  const [fromHour = 0, fromMinute = 0, toHour = 0, toMinute = 0] = parts.map(Number);
  const [from, to] = [60 * fromHour + fromMinute, 60 * toHour + toMinute];
  if (parts.length === 0 || from === to)
    context.addIssue({ code: "custom", message: "must be two times of day: 22:00-07:00" });
  return { from, to };
});

/** 32-byte keys, the one that seals first. */
export const dataKeys = text.transform((list, context): readonly Buffer[] =>
  list.split(",").map((entry) => {
    const key = Buffer.from(entry.trim(), "base64");
    if (key.length !== 32)
      context.addIssue({ code: "custom", message: "must be 32 bytes in base64 (openssl rand -base64 32), or new,old" });
    return key;
  }),
);

export type DashboardRole = "viewer" | "operator" | "admin";
export interface DashboardUser {
  readonly name: string;
  readonly role: DashboardRole;
  /** An argon2id or scrypt hash in PHC string form. */
  readonly hash: Secret;
}
export const dashboardUsers = text.transform((list, context): readonly DashboardUser[] =>
  list.split(";").flatMap((entry): DashboardUser[] => {
    const [name = "", role = "", ...rest] = entry.trim().split(":");
    const hash = rest.join(":");
    if (
      name === "" ||
      (role !== "viewer" && role !== "operator" && role !== "admin") ||
      !/^\$(argon2id|scrypt)\$/.test(hash)
    ) {
      context.addIssue({
        code: "custom",
        message:
          "must be name:role:hash;name:role:hash, with roles viewer, operator or admin (npm run user:add makes an entry)",
      });
      return [];
    }
    return [{ name, role, hash: new Secret(hash) }];
  }),
);

/** What somebody is here whom the identity provider says this of. */
export interface ClaimedRole {
  readonly value: string;
  readonly role: DashboardRole;
}
/** The role stands behind the last colon: a value may be an LDAP name or a URL. */
export const claimedRoles = text.transform((list, context): readonly ClaimedRole[] =>
  list.split(";").flatMap((entry): ClaimedRole[] => {
    const [, value, role] = /^\s*(\S.*):(viewer|operator|admin)\s*$/.exec(entry) ?? [];
    if (value === undefined || (role !== "viewer" && role !== "operator" && role !== "admin")) {
      context.addIssue({
        code: "custom",
        message: "must be value:role;value:role, with roles viewer, operator or admin",
      });
      return [];
    }
    return [{ value, role }];
  }),
);

/** As the provider calls itself, to the last slash. Over http only where nobody can listen in between. */
export const issuer = text.refine(
  (value) => {
    const url = URL.parse(value);
    const isNear = url?.protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
    return (url?.protocol === "https:" || isNear) && `${url.search}${url.hash}${url.username}` === "";
  },
  { error: "must be an https:// URL (http:// on this machine alone)" },
);

export const salesforceFields = text.transform((json, context): Readonly<Record<string, string>> => {
  try {
    return z.record(z.string().regex(/^\w+\.\w+$/), z.string().regex(/^\w+$/)).parse(JSON.parse(json));
  } catch {
    context.addIssue({
      code: "custom",
      message: 'must be JSON of logical to API names, e.g. {"Case.OpportunityId": "Opportunity__c"}',
    });
    return {};
  }
});

export const salesforceId = (prefix: string) =>
  z
    .string()
    .regex(
      new RegExp(`^${prefix}[A-Za-z0-9]{12}([A-Za-z0-9]{3})?$`),
      `must be a Salesforce id of 15 or 18 characters that begins with ${prefix}`,
    );

/** The custom field that carries the Opportunity's id: by name, by number, or by number for each WHMCS product. */
export type WhmcsOpportunityField =
  | { readonly name: string }
  | { readonly id: number }
  | { readonly byProduct: ReadonlyMap<number, number> };
export const whmcsOpportunityField = text.transform((value): WhmcsOpportunityField => {
  if (/^\d+$/.test(value)) return { id: Number(value) };
  if (/^\d+:\d+(,\s*\d+:\d+)*$/.test(value)) {
    return { byProduct: new Map(value.split(",").map((pair) => pair.split(":").map(Number) as [number, number])) }; // the pattern allows nothing but pairs
  }
  return { name: value };
});
