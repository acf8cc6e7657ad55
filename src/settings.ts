import * as z from "zod";
import { addressInHost, isPublicAddress } from "./domain/public-address.ts";
import {
  alertEmails,
  alertWebhook,
  alertWebhookSecrets,
  apiKeys,
  callbackSecrets,
  callbackUrls,
  claimedRoles,
  count,
  dashboardUsers,
  dataKeys,
  EVERY_ROLE,
  hostList,
  httpUrl,
  issuer,
  quietHours,
  roles,
  rolesIn,
  salesforceFields,
  salesforceId,
  secret,
  Secret,
  smtpUrl,
  text,
  whmcsOpportunityField,
  type Role,
} from "./setting-values.ts";

export { Secret };
export type { ApiKey, DashboardRole, Role, WhmcsOpportunityField } from "./setting-values.ts";

/**
 * The only reader of the environment (the contract's section 2). One schema describes every variable; a role asks only
 * for what it needs itself.
 */

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

/** Every variable, with its meaning; a default stands here only where the contract names one. */
export const variables = z.object({
  ROLES: roles.prefault("api,worker,dashboard").describe("which roles this process takes: api, worker, dashboard"),
  HOST: text.default("127.0.0.1").describe("where HTTP listens"),
  PORT: count(0, 65_535).default(3000).describe("where HTTP listens"),
  PUBLIC_URL: httpUrl.optional().describe("how others reach it, for links; from HOST and PORT where absent"),
  REDIS_URL: z
    .url({ protocol: /^rediss?$/, error: "must be a redis:// or rediss:// URL" })
    .transform((url) => new Secret(url))
    .optional()
    .describe("redis:// or rediss://, with user, password and db; or one of the two below"),
  REDIS_CLUSTER_NODES: hostList.optional().describe("host:port,… of a Redis Cluster, instead of REDIS_URL"),
  REDIS_SENTINELS: hostList.optional().describe("host:port,… of Redis Sentinels, instead of REDIS_URL"),
  REDIS_SENTINEL_NAME: text.optional().describe("the name of the master that the Sentinels watch"),
  QUEUE_PREFIX: text.default("{handoff}").describe("key prefix in Redis; a hash tag on a cluster"),
  API_KEYS: apiKeys
    .optional()
    .describe("client:key,client:key: callers of the REST API, two keys a client during rotation"),
  API_RATE_PER_MINUTE: count(1, 10_000_000)
    .default(6000)
    .describe("requests a minute, per client and process; past it 429"),
  CALLBACK_URLS: callbackUrls
    .optional()
    .describe("client=https://…,client=https://…: where a client of API_KEYS wants to hear that its jobs have ended"),
  CALLBACK_SECRETS: callbackSecrets
    .optional()
    .describe("client:whsec_…: what signs them (Standard Webhooks), two a client during rotation"),
  CALLBACK_PRIVATE: z
    .enum(["on", "off"], { error: "must be on or off" })
    .default("off")
    .describe("on: callbacks may go to http:// and to private addresses"),
  SALESFORCE_LOGIN_URL: httpUrl.optional().describe("the token endpoint's host: https://YOUR-DOMAIN.my.salesforce.com"),
  SALESFORCE_CLIENT_ID: text.optional().describe("the connected app's consumer key"),
  SALESFORCE_CLIENT_SECRET: secret.optional().describe("the connected app's secret: OAuth 2.0 client credentials"),
  SALESFORCE_USERNAME: text.optional().describe("the integration user, for JWT bearer instead of a client secret"),
  SALESFORCE_PRIVATE_KEY: secret.optional().describe("the PEM key that signs the JWT"),
  SALESFORCE_API_VERSION: z
    .string()
    .regex(/^\d{2,3}\.0$/, "must be like 62.0")
    .default("62.0")
    .describe("Salesforce's REST API version"),
  SALESFORCE_ORG_ID: salesforceId("00D")
    .optional()
    .describe("outbound messages of any other org are refused; 15 or 18 characters"),
  SALESFORCE_OUTBOUND_TOKEN: text
    .min(16, "must be at least 16 characters")
    .transform((value) => new Secret(value))
    .optional()
    .describe("the secret last path segment of the outbound-message URL"),
  SALESFORCE_FIELDS: salesforceFields
    .prefault("{}")
    .describe(
      'JSON, logical to API names, for orgs whose fields are called otherwise: {"Case.OpportunityId": "Opportunity__c"}',
    ),
  SALESFORCE_EVENTS: z
    .enum(["on", "off"], { error: "must be on or off" })
    .default("off")
    .describe("on: follow the platform event OrderProvisionRequested__e"),
  SWEEP_INTERVAL_MS: count(1000, 86_400_000)
    .default(300_000)
    .describe("how often approved orders that nobody announced are looked for, in milliseconds"),
  PORTAL_PRICEBOOK_ID: salesforceId("01s").optional().describe("the price book that orders use"),
  WHMCS_URL: httpUrl.optional().describe("the WHMCS installation's root; /includes/api.php is added"),
  WHMCS_IDENTIFIER: text.optional().describe("WHMCS API credentials"),
  WHMCS_SECRET: secret.optional().describe("WHMCS API credentials"),
  WHMCS_ACCESS_KEY: secret.optional().describe("WHMCS API access key, where the IP list is bypassed by one"),
  WHMCS_OPPORTUNITY_FIELD: whmcsOpportunityField
    .prefault("OpportunityId")
    .describe("the custom field that carries the Opportunity's id: its name, its number, or pid:id,pid:id"),
  WHMCS_PAYMENT_METHOD: text.default("banktransfer").describe("the payment method's system name in WHMCS"),
  FREEBIT_URL: httpUrl.optional().describe("Freebit's API"),
  FREEBIT_OEM_ID: text.optional().describe("Freebit's API"),
  FREEBIT_OEM_KEY: secret.optional().describe("Freebit's API"),
  FREEBIT_PROFILE: text.optional().describe("a file that corrects the table of Freebit's operations"),
  SMTP_URL: smtpUrl.optional().describe("smtp:// or smtps://, with user and password"),
  MAIL_FROM: text.optional().describe("the sender of mail to customers"),
  ADMIN_EMAIL: z.email("must be an e-mail address").optional().describe("who gets the administrator's mail"),
  ALERT_EMAILS: alertEmails
    .optional()
    .describe(
      "owner=address,…: who hears of trouble in ADMIN_EMAIL's place; owners: operator, salesforce-admin, whmcs-admin, developer",
    ),
  ALERT_WEBHOOK: alertWebhook.optional().describe("https://…: where each alert is posted, too"),
  ALERT_WEBHOOK_SECRET: alertWebhookSecrets
    .optional()
    .describe("whsec_…: what signs it (Standard Webhooks); new,old during a rotation"),
  QUIET_HOURS: quietHours
    .optional()
    .describe("from-to, in Japan: what can wait is told at their end; at any time where absent"),
  DATA_DIR: text.default(".data").describe("where documents wait for upload, encrypted"),
  DOCUMENTS_S3_BUCKET: text
    .optional()
    .describe("documents wait in this S3 bucket instead: where there are several hosts"),
  DOCUMENTS_S3_ENDPOINT: httpUrl.optional().describe("an S3-compatible server; AWS's own of the region where absent"),
  DOCUMENTS_S3_REGION: text.default("us-east-1").describe("the bucket's region"),
  DOCUMENTS_S3_ACCESS_KEY_ID: text.optional().describe("S3 credentials: may get, put, delete and list"),
  DOCUMENTS_S3_SECRET_ACCESS_KEY: secret.optional().describe("S3 credentials"),
  DOCUMENTS_S3_PREFIX: text.default("documents/").describe("what each document's key in the bucket begins with"),
  DATA_KEY: dataKeys
    .optional()
    .describe("32 bytes in base64: seals documents and personal data before Redis; new,old during a rotation"),
  DASHBOARD_USERS: dashboardUsers
    .optional()
    .describe("name:role:hash;name:role:hash; npm run user:add NAME ROLE makes an entry"),
  SESSION_SECRET: text
    .min(32, "must be at least 32 characters")
    .transform((value) => new Secret(value))
    .optional()
    .describe("signs dashboard sessions; at least 32 characters"),
  TRUSTED_PROXIES: count(0, 10)
    .default(0)
    .describe("how many reverse proxies stand before the dashboard, for the address that a sign-in comes from"),
  OIDC_ISSUER: issuer.optional().describe("people sign in with this OpenID Connect provider; its issuer URL"),
  OIDC_CLIENT_ID: text.optional().describe("as the provider knows Handoff"),
  OIDC_CLIENT_SECRET: secret.optional().describe("as the provider knows Handoff"),
  OIDC_SCOPE: text.default("openid profile email").describe("what the provider is asked for"),
  OIDC_NAME_CLAIM: text
    .default("preferred_username")
    .describe("the claim that names a person: unique at the provider, and not for the person to change"),
  OIDC_ROLE_CLAIM: text.default("roles").describe("the claim, a text or a list, that says what somebody is"),
  OIDC_ROLES: claimedRoles
    .optional()
    .describe("value:role;value:role: who has which value of that claim is viewer, operator or admin here"),
  LOG_LEVEL: z
    .enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(", ")}` })
    .default("info")
    .describe("pino's level"),
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl
    .optional()
    .describe("an OpenTelemetry collector, where traces go by OTLP over HTTP; absent: there are none"),
  OTEL_TRACES_EXPORTER: z
    .enum(["otlp", "none"], { error: "must be otlp or none" })
    .optional()
    .describe("none: no traces all the same; otlp: to http://localhost:4318, where no endpoint is named"),
  NOT_ELIGIBLE_VALUES: text
    .transform((list) => list.split(",").map((value) => value.trim()))
    .prefault("Not Eligible")
    .describe("values of Internet_Eligibility__c that mean no, with commas between"),
  VENDOR_TIMEOUT_MS: count(50, 600_000).default(15_000).describe("bounds each call to a vendor, in milliseconds"),
  RETRY_ATTEMPTS: count(1, 1000)
    .default(12)
    .describe("attempts before a job needs a person; waiting for a vendor that is away spends none"),
  RETRY_BASE_MS: count(1, 600_000)
    .default(1000)
    .describe("the first retry's delay, in milliseconds; it doubles, with jitter, up to 15 minutes"),
  SHUTDOWN_TIMEOUT_MS: count(100, 600_000)
    .default(25_000)
    .describe("how long work in flight may take to finish on SIGTERM, in milliseconds"),
});

export type Settings = z.infer<typeof variables>;
export type Variable = keyof Settings;

/** What each role cannot do without. */
const NEEDED_BY: Record<Role, readonly Variable[]> = {
  api: ["API_KEYS", "SALESFORCE_ORG_ID", "SALESFORCE_OUTBOUND_TOKEN", "DATA_KEY"],
  worker: ["SALESFORCE_LOGIN_URL", "SALESFORCE_CLIENT_ID", "WHMCS_URL", "WHMCS_IDENTIFIER", "WHMCS_SECRET", "DATA_KEY"],
  dashboard: ["SESSION_SECRET"],
};

/** What signing in with a provider cannot do without. PUBLIC_URL is where the provider sends people back to. */
const NEEDED_BY_PROVIDER = ["OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET", "OIDC_ROLES", "PUBLIC_URL"] as const;

const S3_CREDENTIALS = ["DOCUMENTS_S3_ACCESS_KEY_ID", "DOCUMENTS_S3_SECRET_ACCESS_KEY"] as const;

export interface SettingProblem {
  readonly variable: string;
  readonly problem: string;
}

/** Thrown with every problem at once; its message lists them and never shows a value. */
export class SettingsError extends Error {
  readonly problems: readonly SettingProblem[];
  constructor(problems: readonly SettingProblem[]) {
    super(
      [
        "Some settings are missing or wrong:",
        ...problems.map(({ variable, problem }) => `  ${variable}  ${problem}`),
      ].join("\n"),
    );
    this.name = "SettingsError";
    this.problems = problems;
  }
}

/** Reads the settings from `environment`. An empty variable counts as absent. Throws `SettingsError`. */
export function readSettings(environment: NodeJS.ProcessEnv): Settings {
  const given = Object.fromEntries(
    Object.entries(environment).filter(([, value]) => value !== undefined && value.trim() !== ""),
  );
  const parsed = variables.safeParse(given);
  const problems: SettingProblem[] = [];
  for (const { path, message: problem } of parsed.error?.issues ?? []) {
    const variable = path.join(".");
    // Each entry of a list may have the same fault, which is told once.
    if (!problems.some((known) => known.variable === variable && known.problem === problem))
      problems.push({ variable, problem });
  }
  const taken = rolesIn(given["ROLES"] ?? EVERY_ROLE.join(",")); // one that is misspelt hides nothing of the others
  const has = (variable: Variable) => given[variable] !== undefined;
  const need = (variable: string, why: string) => problems.push({ variable, problem: `is missing (${why})` });

  for (const role of taken) {
    for (const variable of NEEDED_BY[role]) {
      if (!has(variable) && !problems.some((known) => known.variable === variable))
        need(variable, `the ${role} role needs it`);
    }
  }
  const redis = (["REDIS_URL", "REDIS_CLUSTER_NODES", "REDIS_SENTINELS"] as const).filter(has);
  if (redis.length === 0) need("REDIS_URL", "or REDIS_CLUSTER_NODES, or REDIS_SENTINELS");
  if (redis.length > 1) problems.push({ variable: redis.join(", "), problem: "name more than one Redis: keep one" });
  if (has("REDIS_CLUSTER_NODES") && has("QUEUE_PREFIX") && !/\{[^}]+\}/.test(given["QUEUE_PREFIX"] ?? "")) {
    problems.push({ variable: "QUEUE_PREFIX", problem: "must hold a hash tag on a cluster, like {handoff}" });
  }
  if (has("REDIS_SENTINELS") && !has("REDIS_SENTINEL_NAME")) need("REDIS_SENTINEL_NAME", "REDIS_SENTINELS is set");
  if (has("DOCUMENTS_S3_BUCKET")) {
    for (const variable of S3_CREDENTIALS) if (!has(variable)) need(variable, "DOCUMENTS_S3_BUCKET is set");
  } else {
    // Half of it would let documents wait on one host, where the others do not find them.
    const without = [...S3_CREDENTIALS, "DOCUMENTS_S3_ENDPOINT" as const].find(has);
    if (without !== undefined) need("DOCUMENTS_S3_BUCKET", `${without} is set`);
  }
  if (
    taken.has("worker") &&
    !has("SALESFORCE_CLIENT_SECRET") &&
    !(has("SALESFORCE_USERNAME") && has("SALESFORCE_PRIVATE_KEY"))
  ) {
    need("SALESFORCE_CLIENT_SECRET", "or SALESFORCE_USERNAME with SALESFORCE_PRIVATE_KEY");
  }
  if (has("OIDC_ISSUER")) {
    for (const variable of NEEDED_BY_PROVIDER) if (!has(variable)) need(variable, "OIDC_ISSUER is set");
  } else if (taken.has("dashboard") && !has("DASHBOARD_USERS")) {
    need("DASHBOARD_USERS", "or OIDC_ISSUER: else nobody can sign in to the dashboard");
  }
  if (has("ALERT_WEBHOOK") !== has("ALERT_WEBHOOK_SECRET")) {
    if (has("ALERT_WEBHOOK")) need("ALERT_WEBHOOK_SECRET", "ALERT_WEBHOOK is set");
    else need("ALERT_WEBHOOK", "ALERT_WEBHOOK_SECRET is set");
  }
  const callbacks = callbackVariables.safeParse(given); // by themselves, so that a fault elsewhere does not hide theirs
  if (callbacks.success) problems.push(...callbackProblems(callbacks.data));
  if (problems.length > 0 || !parsed.success) throw new SettingsError(problems);
  return parsed.data;
}

const callbackVariables = variables.pick({
  API_KEYS: true,
  CALLBACK_URLS: true,
  CALLBACK_SECRETS: true,
  CALLBACK_PRIVATE: true,
  ALERT_WEBHOOK: true,
});

/** What the settings of callbacks and the clients of the REST API must agree in. */
function callbackProblems(settings: z.infer<typeof callbackVariables>): SettingProblem[] {
  const { API_KEYS: keys, CALLBACK_URLS: urls = [], CALLBACK_SECRETS: secrets = [], CALLBACK_PRIVATE: mode } = settings;
  const { ALERT_WEBHOOK: webhook } = settings;
  const problems: SettingProblem[] = [];
  const namesIn = (list: readonly { readonly client: string }[]) => [...new Set(list.map(({ client }) => client))];
  for (const client of namesIn(urls)) {
    if (!namesIn(secrets).includes(client))
      problems.push({
        variable: "CALLBACK_SECRETS",
        problem: `has no secret for ${client}, which CALLBACK_URLS names`,
      });
    // Without API_KEYS this process has no REST API, and need not know who calls it.
    if (keys !== undefined && !namesIn(keys).includes(client))
      problems.push({ variable: "CALLBACK_URLS", problem: `names ${client}, which API_KEYS does not` });
  }
  for (const client of namesIn(secrets)) {
    if (!namesIn(urls).includes(client))
      problems.push({ variable: "CALLBACK_URLS", problem: `has no URL for ${client}, which CALLBACK_SECRETS names` });
  }
  if (mode === "on") return problems;
  for (const { client, url } of urls) {
    if (isPublicReceiver(url)) continue;
    const problem = `must name an https:// URL of the public net for ${client}, or set CALLBACK_PRIVATE=on`;
    problems.push({ variable: "CALLBACK_URLS", problem });
  }
  if (webhook !== undefined && !isPublicReceiver(webhook)) {
    const problem = "must be an https:// URL of the public net, or set CALLBACK_PRIVATE=on";
    problems.push({ variable: "ALERT_WEBHOOK", problem });
  }
  return problems;
}

function isPublicReceiver(url: Secret): boolean {
  const { protocol, hostname } = new URL(url.reveal());
  const address = addressInHost(hostname);
  return protocol === "https:" && (address === null || isPublicAddress(address));
}
