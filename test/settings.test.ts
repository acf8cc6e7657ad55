import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { readSettings, Secret, SettingsError, variables } from "../src/settings.ts";

/** What each role is given when it gets all that it needs, and no more. */
const REDIS = { REDIS_URL: "redis://:redis-password@127.0.0.1:6379/2" };
const DATA_KEY = Buffer.alloc(32, 7).toString("base64");
const API = {
  ...REDIS,
  ROLES: "api",
  API_KEYS: "portal:the-portals-own-key",
  SALESFORCE_ORG_ID: "00D5g000004XyZAEA0",
  SALESFORCE_OUTBOUND_TOKEN: "the-token-of-messages",
  DATA_KEY,
};
const WORKER = {
  ...REDIS,
  ROLES: "worker",
  SALESFORCE_LOGIN_URL: "https://sonixnet.my.salesforce.com",
  SALESFORCE_CLIENT_ID: "consumer-key",
  SALESFORCE_CLIENT_SECRET: "consumer-secret",
  WHMCS_URL: "https://billing.sonixnet.example/",
  WHMCS_IDENTIFIER: "whmcs-identifier",
  WHMCS_SECRET: "whmcs-secret",
  DATA_KEY,
};
const HASH = "$scrypt$ln=15,r=8,p=1$c2FsdA$aGFzaA";
const DASHBOARD = {
  ...REDIS,
  ROLES: "dashboard",
  DASHBOARD_USERS: `olga:operator:${HASH}`,
  SESSION_SECRET: "signs the sessions of the dashboard",
};
const ALL = { ...API, ...WORKER, ...DASHBOARD, ROLES: "api,worker,dashboard" };

/** What is wrong with `environment`, by variable. Throws where nothing is, and where one variable is named twice. */
function problemsOf(environment: NodeJS.ProcessEnv): Readonly<Record<string, string>> {
  try {
    readSettings(environment);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    const problems = Object.fromEntries(error.problems.map(({ variable, problem }) => [variable, problem]));
    if (Object.keys(problems).length !== error.problems.length)
      throw new Error("a variable is named twice", { cause: error });
    return problems;
  }
  throw new Error("these settings were taken");
}

describe("the settings of the contract", () => {
  /** The contract's section 2: each variable, and what it is where nobody says. */
  const CONTRACT: Readonly<Record<string, unknown>> = {
    ROLES: new Set(["api", "worker", "dashboard"]),
    HOST: "127.0.0.1",
    PORT: 3000,
    PUBLIC_URL: undefined,
    REDIS_URL: undefined,
    REDIS_CLUSTER_NODES: undefined,
    REDIS_SENTINELS: undefined,
    REDIS_SENTINEL_NAME: undefined,
    QUEUE_PREFIX: "{handoff}",
    API_KEYS: undefined,
    SALESFORCE_LOGIN_URL: undefined,
    SALESFORCE_CLIENT_ID: undefined,
    SALESFORCE_CLIENT_SECRET: undefined,
    SALESFORCE_USERNAME: undefined,
    SALESFORCE_PRIVATE_KEY: undefined,
    SALESFORCE_API_VERSION: "62.0",
    SALESFORCE_ORG_ID: undefined,
    SALESFORCE_OUTBOUND_TOKEN: undefined,
    SALESFORCE_FIELDS: {},
    PORTAL_PRICEBOOK_ID: undefined,
    WHMCS_URL: undefined,
    WHMCS_IDENTIFIER: undefined,
    WHMCS_SECRET: undefined,
    WHMCS_ACCESS_KEY: undefined,
    WHMCS_OPPORTUNITY_FIELD: { name: "OpportunityId" },
    WHMCS_PAYMENT_METHOD: "banktransfer",
    FREEBIT_URL: undefined,
    FREEBIT_OEM_ID: undefined,
    FREEBIT_OEM_KEY: undefined,
    FREEBIT_PROFILE: undefined,
    SMTP_URL: undefined,
    MAIL_FROM: undefined,
    ADMIN_EMAIL: undefined,
    ALERT_EMAILS: undefined,
    ALERT_WEBHOOK: undefined,
    ALERT_WEBHOOK_SECRET: undefined,
    QUIET_HOURS: undefined,
    DATA_DIR: ".data",
    DATA_KEY: undefined,
    DOCUMENTS_S3_BUCKET: undefined,
    DOCUMENTS_S3_ENDPOINT: undefined,
    DOCUMENTS_S3_REGION: "us-east-1",
    DOCUMENTS_S3_ACCESS_KEY_ID: undefined,
    DOCUMENTS_S3_SECRET_ACCESS_KEY: undefined,
    DOCUMENTS_S3_PREFIX: "documents/",
    DASHBOARD_USERS: undefined,
    TRUSTED_PROXIES: 0,
    OIDC_ISSUER: undefined,
    OIDC_CLIENT_ID: undefined,
    OIDC_CLIENT_SECRET: undefined,
    OIDC_SCOPE: "openid profile email",
    OIDC_NAME_CLAIM: "preferred_username",
    OIDC_ROLE_CLAIM: "roles",
    OIDC_ROLES: undefined,
    API_RATE_PER_MINUTE: 6000,
    SESSION_SECRET: undefined,
    LOG_LEVEL: "info",
    NOT_ELIGIBLE_VALUES: ["Not Eligible"],
    VENDOR_TIMEOUT_MS: 15_000,
    RETRY_ATTEMPTS: 12,
    RETRY_BASE_MS: 1000,
    SHUTDOWN_TIMEOUT_MS: 25_000,
    SALESFORCE_EVENTS: "off",
    SWEEP_INTERVAL_MS: 300_000,
    CALLBACK_URLS: undefined,
    CALLBACK_SECRETS: undefined,
    CALLBACK_PRIVATE: "off",
    OTEL_EXPORTER_OTLP_ENDPOINT: undefined,
    OTEL_TRACES_EXPORTER: undefined,
  };

  it("are all there, and no others", () => {
    expect(Object.keys(variables.shape).toSorted()).toEqual(Object.keys(CONTRACT).toSorted());
  });

  it.each(Object.entries(CONTRACT))("%s has its default where nobody sets it", (variable, otherwise) => {
    expect(Reflect.get(variables.parse({}), variable)).toEqual(otherwise);
  });

  it("count as absent where they are empty or blank", () => {
    expect(readSettings({ ...API, PORT: "", HOST: "   " })).toMatchObject({ PORT: 3000, HOST: "127.0.0.1" });
  });
});

describe("a role", () => {
  it.each([
    ["api", API],
    ["worker", WORKER],
    ["dashboard", DASHBOARD],
  ])("%s starts with nothing but its own settings", (role, environment) => {
    expect([...readSettings(environment).ROLES]).toEqual([role]);
    for (const variable of Object.keys(environment).filter((name) => name !== "ROLES"))
      expect(problemsOf({ ...environment, [variable]: "" })).toHaveProperty(variable, expect.stringMatching(/missing/));
  });

  it("api does without WHMCS", () => {
    expect(readSettings(API).WHMCS_URL).toBeUndefined();
  });

  it("shares a process with the others, each asking for its own", () => {
    expect([...readSettings(ALL).ROLES]).toEqual(["api", "worker", "dashboard"]);
    expect(problemsOf({ ...REDIS, ROLES: "worker, dashboard" })).toEqual({
      SALESFORCE_LOGIN_URL: "is missing (the worker role needs it)",
      SALESFORCE_CLIENT_ID: "is missing (the worker role needs it)",
      SALESFORCE_CLIENT_SECRET: "is missing (or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY)",
      WHMCS_URL: "is missing (the worker role needs it)",
      WHMCS_IDENTIFIER: "is missing (the worker role needs it)",
      WHMCS_SECRET: "is missing (the worker role needs it)",
      DATA_KEY: "is missing (the worker role needs it)",
      DASHBOARD_USERS: "is missing (or OIDC_ISSUER: else nobody can sign in to the dashboard)",
      SESSION_SECRET: "is missing (the dashboard role needs it)",
    });
  });

  it("worker may sign in to Salesforce with a user and a key instead of a secret", () => {
    const { SALESFORCE_CLIENT_SECRET: _, ...withoutSecret } = WORKER;
    const jwt = { SALESFORCE_USERNAME: "integration@sonixnet.example", SALESFORCE_PRIVATE_KEY: "-----BEGIN" };
    expect(() => readSettings({ ...withoutSecret, ...jwt })).not.toThrow();
    expect(problemsOf({ ...withoutSecret, ...jwt, SALESFORCE_PRIVATE_KEY: "" })).toHaveProperty(
      "SALESFORCE_CLIENT_SECRET",
    );
  });
});

describe("Redis", () => {
  const { REDIS_URL, ...withoutRedis } = API;

  it("is one server, a cluster, or what Sentinels watch", () => {
    expect(readSettings({ ...withoutRedis, REDIS_URL }).REDIS_URL?.reveal()).toBe(REDIS_URL);
    expect(readSettings({ ...withoutRedis, REDIS_CLUSTER_NODES: "one:7000, two:7001" }).REDIS_CLUSTER_NODES).toEqual([
      { host: "one", port: 7000 },
      { host: "two", port: 7001 },
    ]);
    const sentinels = { REDIS_SENTINELS: "watch:26379", REDIS_SENTINEL_NAME: "handoff" };
    expect(readSettings({ ...withoutRedis, ...sentinels }).REDIS_SENTINELS).toEqual([{ host: "watch", port: 26_379 }]);
  });

  it("is missed where none is named, and where the Sentinels' master has no name", () => {
    expect(problemsOf(withoutRedis)).toEqual({ REDIS_URL: expect.stringContaining("is missing") });
    expect(problemsOf({ ...withoutRedis, REDIS_SENTINELS: "watch:26379" })).toEqual({
      REDIS_SENTINEL_NAME: "is missing (REDIS_SENTINELS is set)",
    });
  });

  it("is not guessed where two are named", () => {
    expect(problemsOf({ ...API, REDIS_CLUSTER_NODES: "one:7000" })).toEqual({
      "REDIS_URL, REDIS_CLUSTER_NODES": "name more than one Redis: keep one",
    });
  });

  it("as a cluster needs a prefix with a hash tag, which keeps the keys of a job together", () => {
    const cluster = { ...withoutRedis, REDIS_CLUSTER_NODES: "one:7000" };
    expect(problemsOf({ ...cluster, QUEUE_PREFIX: "handoff" })).toEqual({
      QUEUE_PREFIX: "must hold a hash tag on a cluster, like {handoff}",
    });
    expect(readSettings({ ...API, QUEUE_PREFIX: "handoff" }).QUEUE_PREFIX).toBe("handoff");
  });
});

describe("the identity provider", () => {
  const { DASHBOARD_USERS: _, ...withoutUsers } = DASHBOARD;
  const PROVIDER = {
    ...withoutUsers,
    OIDC_ISSUER: "https://login.example.com/realms/company/",
    OIDC_CLIENT_ID: "handoff",
    OIDC_CLIENT_SECRET: "a secret",
    OIDC_ROLES: "CN=ops,OU=it:operator; https://example.com/roles#admin:admin",
    PUBLIC_URL: "https://handoff.example",
  };

  it("stands in for users with passwords, and is called as it calls itself", () => {
    const settings = readSettings(PROVIDER);
    expect(settings.OIDC_ISSUER).toBe("https://login.example.com/realms/company/");
    expect(settings.OIDC_ROLES).toEqual([
      { value: "CN=ops,OU=it", role: "operator" },
      { value: "https://example.com/roles#admin", role: "admin" },
    ]);
  });

  it.each(["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ROLES", "PUBLIC_URL"])(
    "is not asked without %s",
    (variable) => {
      expect(problemsOf({ ...PROVIDER, [variable]: "" })).toEqual({ [variable]: "is missing (OIDC_ISSUER is set)" });
    },
  );

  it.each(["http://127.0.0.1:8080", "http://localhost:8080/realms/company", "https://login.example.com"])(
    "is spoken to where nobody can listen in: %s",
    (issuer) => {
      expect(readSettings({ ...PROVIDER, OIDC_ISSUER: issuer }).OIDC_ISSUER).toBe(issuer);
    },
  );

  it.each([
    "http://login.example.com",
    "https://login.example.com?tenant=1",
    "https://user@login.example.com",
    "login.example.com",
  ])("is not what %s names", (issuer) => {
    expect(problemsOf({ ...PROVIDER, OIDC_ISSUER: issuer })).toEqual({
      OIDC_ISSUER: "must be an https:// URL (http:// on this machine alone)",
    });
  });
});

describe("the documents' bucket", () => {
  const BUCKET = {
    DOCUMENTS_S3_BUCKET: "waiting",
    DOCUMENTS_S3_ACCESS_KEY_ID: "access-key",
    DOCUMENTS_S3_SECRET_ACCESS_KEY: "secret-key",
  };

  it("is used where it is named, with its credentials, on AWS or on a server of one's own", () => {
    const aws = readSettings({ ...API, ...BUCKET, DOCUMENTS_S3_REGION: "ap-northeast-1" });
    expect(aws).toMatchObject({ DOCUMENTS_S3_BUCKET: "waiting", DOCUMENTS_S3_REGION: "ap-northeast-1" });
    const own = readSettings({ ...API, ...BUCKET, DOCUMENTS_S3_ENDPOINT: "https://s3.example.com/" });
    expect(own.DOCUMENTS_S3_ENDPOINT).toBe("https://s3.example.com");
  });

  it("is all there or not at all: documents on one host would be missing on another", () => {
    expect(problemsOf({ ...API, DOCUMENTS_S3_BUCKET: "waiting" })).toEqual({
      DOCUMENTS_S3_ACCESS_KEY_ID: "is missing (DOCUMENTS_S3_BUCKET is set)",
      DOCUMENTS_S3_SECRET_ACCESS_KEY: "is missing (DOCUMENTS_S3_BUCKET is set)",
    });
    expect(problemsOf({ ...API, ...BUCKET, DOCUMENTS_S3_BUCKET: "" })).toEqual({
      DOCUMENTS_S3_BUCKET: "is missing (DOCUMENTS_S3_ACCESS_KEY_ID is set)",
    });
    expect(problemsOf({ ...API, DOCUMENTS_S3_ENDPOINT: "https://s3.example.com" })).toEqual({
      DOCUMENTS_S3_BUCKET: "is missing (DOCUMENTS_S3_ENDPOINT is set)",
    });
  });
});

describe("callers of the REST API", () => {
  const clients = (keys: string) => readSettings({ ...API, API_KEYS: keys }).API_KEYS?.map(({ client }) => client);

  it("have two keys each while one follows the other, and no more", () => {
    const [old, next, third] = [
      "portal:the-old-key-of-portal",
      "portal:the-new-key-of-portal",
      "portal:one-key-more-than-two",
    ];
    expect(clients(`${old},${next},script:the-key-of-a-script`)).toEqual(["portal", "portal", "script"]);
    expect(problemsOf({ ...API, API_KEYS: `${old},${next},${third}` })).toEqual({
      API_KEYS: "has more than two keys for portal",
    });
  });

  it("may have colons in their keys, and white space around them", () => {
    const [caller] = readSettings({ ...API, API_KEYS: " portal : key:with:colons:in " }).API_KEYS ?? [];
    expect([caller?.client, caller?.key.reveal()]).toEqual(["portal", "key:with:colons:in"]);
  });

  it.each(["salesforce", "handoff", "alerts"])("are not called %s, by which what comes by itself is known", (name) => {
    expect(problemsOf({ ...API, API_KEYS: `${name}:the-key-of-somebody` })).toEqual({
      API_KEYS: `must not name a client ${name}: Handoff calls so what comes by itself`,
    });
  });
});

describe("alerts", () => {
  const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
  const NEXT = `whsec_${Buffer.alloc(32, 6).toString("base64")}`;
  const given = { ...ALL, ALERT_WEBHOOK: "https://chat.sonixnet.example/hook?key=a,b", ALERT_WEBHOOK_SECRET: SECRET };

  it("go to an address for each owner, and are quiet for some hours", () => {
    const settings = readSettings({
      ...ALL,
      ALERT_EMAILS: "salesforce-admin=crm@sonixnet.example, developer=dev@sonixnet.example",
      QUIET_HOURS: "22:30-07:00",
    });
    expect(settings.ALERT_EMAILS).toEqual(
      new Map([
        ["salesforce-admin", "crm@sonixnet.example"],
        ["developer", "dev@sonixnet.example"],
      ]),
    );
    expect(settings.QUIET_HOURS).toEqual({ from: 22 * 60 + 30, to: 7 * 60 });
  });

  it("are posted with a signature, by two secrets while one follows the other", () => {
    const settings = readSettings({ ...given, ALERT_WEBHOOK_SECRET: `${SECRET}, ${NEXT}` });
    expect(settings.ALERT_WEBHOOK?.reveal()).toBe("https://chat.sonixnet.example/hook?key=a,b");
    expect(settings.ALERT_WEBHOOK_SECRET?.map((secret) => secret.reveal())).toEqual([SECRET, NEXT]);
    expect(problemsOf({ ...given, ALERT_WEBHOOK_SECRET: "" })).toEqual({
      ALERT_WEBHOOK_SECRET: "is missing (ALERT_WEBHOOK is set)",
    });
    expect(problemsOf({ ...given, ALERT_WEBHOOK: "" })).toEqual({
      ALERT_WEBHOOK: "is missing (ALERT_WEBHOOK_SECRET is set)",
    });
  });

  it("are posted to no private address and by https alone, unless CALLBACK_PRIVATE allows it", () => {
    for (const url of ["http://chat.sonixnet.example", "https://127.0.0.1/", "https://[fd00::1]/"]) {
      expect(problemsOf({ ...given, ALERT_WEBHOOK: url }), url).toEqual({
        ALERT_WEBHOOK: "must be an https:// URL of the public net, or set CALLBACK_PRIVATE=on",
      });
      expect(() => readSettings({ ...given, ALERT_WEBHOOK: url, CALLBACK_PRIVATE: "on" }), url).not.toThrow();
    }
  });

  it.each([
    ["ALERT_EMAILS", "crm@sonixnet.example", /^must be owner=address/],
    ["ALERT_EMAILS", "cook=crm@sonixnet.example", /^must be owner=address/],
    ["ALERT_EMAILS", "operator=nobody", /^must be owner=address/],
    ["ALERT_EMAILS", "operator=a@sonixnet.example,operator=b@sonixnet.example", /^must be owner=address/],
    ["ALERT_WEBHOOK", "https://user:Pa55word@chat.sonixnet.example", /^must be an http/],
    ["ALERT_WEBHOOK", "chat", /^must be an http/],
    ["ALERT_WEBHOOK_SECRET", "Pa55word", /^must be whsec_/],
    ["ALERT_WEBHOOK_SECRET", Array(3).fill(SECRET).join(), /^must be whsec_/],
    ["QUIET_HOURS", "22-7", /^must be two times of day/],
    ["QUIET_HOURS", "24:00-07:00", /^must be two times of day/],
    ["QUIET_HOURS", "07:00-07:00", /^must be two times of day/],
  ])("say of a wrong value of %s what it must be, and do not show it: %s", (variable, value, says) => {
    const problems = problemsOf({ ...given, [variable]: value });
    expect(problems[variable]).toMatch(says);
    expect(JSON.stringify(problems)).not.toContain("Pa55word");
  });
});

describe("callbacks", () => {
  const SECRET = `whsec_${Buffer.alloc(32, 5).toString("base64")}`;
  const NEXT = `whsec_${Buffer.alloc(32, 6).toString("base64")}`;
  const URLS = "portal=https://portal.sonixnet.example/hooks?key=a=b";
  const given = { ...ALL, CALLBACK_URLS: URLS, CALLBACK_SECRETS: `portal:${SECRET}` };

  it("have a URL and a secret for each client, and two secrets while one follows the other", () => {
    const settings = readSettings({ ...given, CALLBACK_SECRETS: `portal:${SECRET}, portal:${NEXT}` });
    expect(settings.CALLBACK_URLS?.map(({ client, url }) => `${client} ${url.reveal()}`)).toEqual([
      "portal https://portal.sonixnet.example/hooks?key=a=b",
    ]);
    expect(settings.CALLBACK_SECRETS?.map(({ secret }) => secret.reveal())).toEqual([SECRET, NEXT]);
    expect(problemsOf({ ...given, CALLBACK_SECRETS: Array(3).fill(`portal:${SECRET}`).join() })).toEqual({
      CALLBACK_SECRETS: "has more than two secrets for portal",
    });
  });

  it("name the same clients in both settings, and clients of the REST API where this process has one", () => {
    expect(problemsOf({ ...given, CALLBACK_SECRETS: "" })).toEqual({
      CALLBACK_SECRETS: "has no secret for portal, which CALLBACK_URLS names",
    });
    expect(problemsOf({ ...given, CALLBACK_URLS: "" })).toEqual({
      CALLBACK_URLS: "has no URL for portal, which CALLBACK_SECRETS names",
    });
    const script = { CALLBACK_URLS: "script=https://script.example", CALLBACK_SECRETS: `script:${SECRET}` };
    expect(problemsOf({ ...ALL, ...script })).toEqual({ CALLBACK_URLS: "names script, which API_KEYS does not" });
    expect(() => readSettings({ ...WORKER, ...script })).not.toThrow();
    expect(problemsOf({ ...given, ...script, PORT: "many" })).toHaveProperty("CALLBACK_URLS");
  });

  it.each([
    "http://portal.sonixnet.example",
    "https://127.0.0.1/",
    "https://10.1.2.3/",
    "https://2130706433/",
    "https://169.254.169.254/latest",
    "https://[::1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[fd00::1]/",
    "https://0.0.0.0/",
  ])("go to no private address and by https alone, unless the setting allows it: %s", (url) => {
    const there = { ...given, CALLBACK_URLS: `portal=${url}` };
    expect(problemsOf(there)).toEqual({
      CALLBACK_URLS: "must name an https:// URL of the public net for portal, or set CALLBACK_PRIVATE=on",
    });
    expect(readSettings({ ...there, CALLBACK_PRIVATE: "on" }).CALLBACK_URLS).toHaveLength(1);
  });

  it.each([
    ["CALLBACK_URLS", "https://portal.example"],
    ["CALLBACK_URLS", "portal=ftp://portal.example"],
    ["CALLBACK_URLS", "portal=https://user:Pa55word@portal.example"],
    ["CALLBACK_URLS", "portal=https://portal.example/a,b"],
    ["CALLBACK_SECRETS", "portal:Pa55word"],
    ["CALLBACK_SECRETS", `portal:whsec_${Buffer.alloc(23).toString("base64")}`],
    ["CALLBACK_SECRETS", `portal:whsec_${Buffer.alloc(65).toString("base64")}`],
    ["CALLBACK_SECRETS", `portal=${SECRET}`],
  ])("say of a wrong value of %s what it must be, and do not show it", (variable, value) => {
    const problems = problemsOf({ ...given, [variable]: value });
    expect(problems[variable]).toMatch(/^must be client[=:]/);
    expect(JSON.stringify(problems)).not.toContain("Pa55word");
  });

  it("go to one URL a client", () => {
    expect(problemsOf({ ...given, CALLBACK_URLS: `${URLS},${URLS}` })).toEqual({
      CALLBACK_URLS: "must name one URL a client",
    });
  });
});

describe("a value that is wrong", () => {
  it.each([
    ["ROLES", "api,cook", "must name only api, worker, dashboard"],
    ["PORT", "many", "must be a whole number from 0 to 65535"],
    ["PORT", "70000", "must be a whole number from 0 to 65535"],
    ["PORT", "3000.5", "must be a whole number from 0 to 65535"],
    ["PUBLIC_URL", "handoff.example", "must be an http:// or https:// URL"],
    ["REDIS_URL", "http://127.0.0.1:6379", "must be a redis:// or rediss:// URL"],
    ["API_KEYS", "portal:short", "must be client:key,client:key, with keys of at least 16 characters"],
    ["API_KEYS", "only-a-key-without-client", "must be client:key,client:key, with keys of at least 16 characters"],
    ["API_RATE_PER_MINUTE", "0", "must be a whole number from 1 to 10000000"],
    ["SALESFORCE_LOGIN_URL", "ftp://sonixnet.example", "must be an http:// or https:// URL"],
    ["SALESFORCE_API_VERSION", "v62", "must be like 62.0"],
    ["SALESFORCE_ORG_ID", "0015g00000HjKlMAAV", "must be a Salesforce id of 15 or 18 characters that begins with 00D"],
    ["SALESFORCE_OUTBOUND_TOKEN", "short", "must be at least 16 characters"],
    ["SALESFORCE_FIELDS", "Opportunity__c", "must be JSON of logical to API names, e.g. {"],
    ["SALESFORCE_FIELDS", '{"Case.OpportunityId": "x FROM User"}', "must be JSON of logical to API names, e.g. {"],
    ["SALESFORCE_EVENTS", "yes", "must be on or off"],
    ["SWEEP_INTERVAL_MS", "1", "must be a whole number from 1000 to 86400000"],
    ["PORTAL_PRICEBOOK_ID", "price book", "must be a Salesforce id of 15 or 18 characters that begins with 01s"],
    ["WHMCS_URL", "billing", "must be an http:// or https:// URL"],
    ["SMTP_URL", "mail.sonixnet.example", "must be an smtp:// or smtps:// URL"],
    ["ADMIN_EMAIL", "the administrator", "must be an e-mail address"],
    ["DATA_KEY", "c2hvcnQ=", "must be 32 bytes in base64 (openssl rand -base64 32), or new,old"],
    ["DATA_KEY", "c2hvcnQ=,c2hvcnQ=", "must be 32 bytes in base64 (openssl rand -base64 32), or new,old"],
    [
      "DASHBOARD_USERS",
      `olga:queen:${HASH}`,
      "must be name:role:hash;name:role:hash, with roles viewer, operator or admin",
    ],
    ["DASHBOARD_USERS", "olga:operator:password", "must be name:role:hash;name:role:hash, with roles"],
    ["SESSION_SECRET", "short", "must be at least 32 characters"],
    ["TRUSTED_PROXIES", "yes", "must be a whole number from 0 to 10"],
    ["OIDC_ROLES", "operators", "must be value:role;value:role, with roles viewer, operator or admin"],
    ["OIDC_ROLES", "operators:boss", "must be value:role;value:role, with roles viewer, operator or admin"],
    ["LOG_LEVEL", "loud", "must be one of trace, debug, info, warn, error, fatal, silent"],
    ["VENDOR_TIMEOUT_MS", "10", "must be a whole number from 50 to 600000"],
    ["RETRY_ATTEMPTS", "0", "must be a whole number from 1 to 1000"],
    ["RETRY_BASE_MS", "-1", "must be a whole number from 1 to 600000"],
    ["SHUTDOWN_TIMEOUT_MS", "soon", "must be a whole number from 100 to 600000"],
  ])("of %s (%s) is told in plain words", (variable, value, problem) => {
    expect(problemsOf({ ...ALL, [variable]: value })).toEqual({ [variable]: expect.stringContaining(problem) });
  });

  it("of REDIS_CLUSTER_NODES or REDIS_SENTINELS is told in plain words", () => {
    const { REDIS_URL: _, ...withoutRedis } = ALL;
    const problem = "must be host:port, host:port, …";
    expect(problemsOf({ ...withoutRedis, REDIS_CLUSTER_NODES: "one,two" })).toEqual({ REDIS_CLUSTER_NODES: problem });
    expect(problemsOf({ ...withoutRedis, REDIS_SENTINELS: "one", REDIS_SENTINEL_NAME: "handoff" })).toEqual({
      REDIS_SENTINELS: problem,
    });
  });

  it("does not hide the others: all problems are told at once, one a line", () => {
    const environment = { ...ALL, ROLES: "api,worker,cook", PORT: "many", DATA_KEY: "c2hvcnQ=", WHMCS_URL: "" };
    expect(Object.keys(problemsOf(environment)).toSorted()).toEqual(["DATA_KEY", "PORT", "ROLES", "WHMCS_URL"]);
    expect(() => readSettings(environment)).toThrow(
      /^Some settings are missing or wrong:\n( {2}[A-Z_]+ {2}\S.*\n?){4}$/,
    );
  });

  it("is never shown", () => {
    const given = {
      API_KEYS: "portal:Pa55word",
      DATA_KEY: "Pa55word",
      DASHBOARD_USERS: "olga:operator:Pa55word",
      SESSION_SECRET: "Pa55word",
      SALESFORCE_OUTBOUND_TOKEN: "Pa55word",
      REDIS_URL: "http://:Pa55word@127.0.0.1:6379",
      SMTP_URL: "http://user:Pa55word@mail",
      SALESFORCE_LOGIN_URL: "Pa55word",
      LOG_LEVEL: "Pa55word",
      SALESFORCE_FIELDS: '{"a": "Pa55word"}',
    };
    const problems = problemsOf({ ...ALL, ...given });
    expect(Object.keys(problems).toSorted()).toEqual(Object.keys(given).toSorted());
    expect(JSON.stringify(problems)).not.toContain("Pa55word");
  });
});

describe("a value that is right", () => {
  it("comes as the program needs it", () => {
    const settings = readSettings({
      ...ALL,
      NOT_ELIGIBLE_VALUES: "Not Eligible, 提供不可",
      SALESFORCE_FIELDS: '{"Case.OpportunityId": "Opportunity__c"}',
      DATA_KEY: `${Buffer.alloc(32, 1).toString("base64")}, ${DATA_KEY}`,
    });
    expect(settings.WHMCS_URL).toBe("https://billing.sonixnet.example");
    expect(settings.NOT_ELIGIBLE_VALUES).toEqual(["Not Eligible", "提供不可"]);
    expect(settings.SALESFORCE_FIELDS).toEqual({ "Case.OpportunityId": "Opportunity__c" });
    expect(settings.DATA_KEY?.map((key) => key[0])).toEqual([1, 7]);
    expect(settings.DASHBOARD_USERS).toMatchObject([{ name: "olga", role: "operator" }]);
    expect(settings.DASHBOARD_USERS?.[0]?.hash.reveal()).toBe(HASH);
  });

  it.each([
    ["OpportunityId", { name: "OpportunityId" }],
    ["12", { id: 12 }],
    [
      "11:111, 12:112",
      {
        byProduct: new Map([
          [11, 111],
          [12, 112],
        ]),
      },
    ],
  ])("names WHMCS's custom field by name, number, or number for each product: %s", (given, field) => {
    expect(readSettings({ ...WORKER, WHMCS_OPPORTUNITY_FIELD: given }).WHMCS_OPPORTUNITY_FIELD).toEqual(field);
  });
});

describe("a secret", () => {
  const secret = new Secret("Pa55word");

  it("shows in no way but the one that asks for it", () => {
    const shown = [
      String(secret),
      `${String(secret)} ${[secret].join()}`,
      JSON.stringify({ secret }),
      inspect(secret),
      inspect({ deep: [secret] }, { showHidden: true, depth: 9 }),
      Object.entries(secret).join(),
      secret.toString(),
    ];
    expect(shown.join(" ")).not.toContain("Pa55word");
    expect(shown[0]).toBe("[secret]");
    expect(secret.reveal()).toBe("Pa55word");
  });

  it("is what every secret setting becomes: the settings as a whole show none", () => {
    const settings = readSettings({
      ...ALL,
      SMTP_URL: "smtp://user:mail-password@mail.sonixnet.example",
      WHMCS_ACCESS_KEY: "whmcs-access-key",
      FREEBIT_OEM_KEY: "freebit-oem-key",
      SALESFORCE_PRIVATE_KEY: "private-pem-key",
    });
    const shown = inspect(settings, { depth: 9, showHidden: true }) + JSON.stringify(settings);
    for (const value of [
      "redis-password",
      "the-portals-own-key",
      "the-token-of-messages",
      "consumer-secret",
      "whmcs-secret",
      "whmcs-access-key",
      "freebit-oem-key",
      "private-pem-key",
      "mail-password",
      HASH,
      "signs the sessions",
      DATA_KEY,
      Buffer.from(DATA_KEY, "base64").toString("hex").slice(0, 16),
    ])
      expect(shown).not.toContain(value);
  });
});
