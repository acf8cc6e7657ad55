import { randomBytes, scryptSync } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";

/**
 * What `npm start` fills in for a developer: secrets made once for this checkout and kept, readable by their owner
 * only, so that what a start sealed the next one opens. `npm run serve` knows none of this.
 */
export async function keptSecrets(folder) {
  const file = path.join(folder, "settings.json");
  const kept = await readFile(file, "utf8").catch((error) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });
  if (kept !== null) return JSON.parse(kept);
  const secrets = newSecrets();
  await writeFile(file, `${JSON.stringify(secrets, null, 2)}\n`, { mode: 0o600, flag: "wx" });
  return secrets;
}

function newSecrets() {
  const dashboardPassword = randomBytes(12).toString("base64url");
  return {
    dataKey: randomBytes(32).toString("base64"),
    sessionSecret: randomBytes(32).toString("base64url"),
    apiKey: randomBytes(24).toString("base64url"),
    outboundToken: randomBytes(24).toString("base64url"),
    dashboardPassword,
    dashboardUser: `admin:admin:${scryptPhc(dashboardPassword)}`,
  };
}

/** The environment of the program. What `given` sets already wins, variable by variable. */
export function programEnvironment({ given, secrets, listen, redisUrl, sandbox, dataDir }) {
  const defaults = {
    HOST: listen.host,
    PORT: String(listen.port),
    DATA_DIR: dataDir,
    DATA_KEY: secrets.dataKey,
    API_KEYS: `portal:${secrets.apiKey}`,
    SESSION_SECRET: secrets.sessionSecret,
    DASHBOARD_USERS: secrets.dashboardUser,
    SALESFORCE_OUTBOUND_TOKEN: secrets.outboundToken,
    ...(redisUrl === null ? {} : { REDIS_URL: redisUrl }),
    ...(sandbox === null ? {} : sandboxSettings(sandbox)),
  };
  const set = Object.fromEntries(Object.entries(given).filter(([, value]) => value.trim() !== ""));
  return { ...defaults, ...set };
}

function sandboxSettings({ url, smtpUrl, organizationId, pricebookId, credentials }) {
  return {
    SALESFORCE_LOGIN_URL: url,
    SALESFORCE_CLIENT_ID: credentials.salesforce.clientId,
    SALESFORCE_CLIENT_SECRET: credentials.salesforce.clientSecret,
    SALESFORCE_ORG_ID: organizationId,
    PORTAL_PRICEBOOK_ID: pricebookId,
    WHMCS_URL: `${url}/whmcs`,
    WHMCS_IDENTIFIER: credentials.whmcs.identifier,
    WHMCS_SECRET: credentials.whmcs.secret,
    FREEBIT_URL: `${url}/freebit`,
    FREEBIT_OEM_ID: credentials.freebit.oemId,
    FREEBIT_OEM_KEY: credentials.freebit.oemKey,
    SMTP_URL: smtpUrl,
    MAIL_FROM: "SonixNet <portal@sonixnet.example>",
    ADMIN_EMAIL: "operations@sonixnet.example",
  };
}

/** The dashboard's password hash, as `npm run user:add` writes it: scrypt in PHC string form. */
function scryptPhc(password) {
  const salt = randomBytes(16);
  const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
  const base64 = (bytes) => bytes.toString("base64").replace(/=+$/, "");
  return `$scrypt$ln=15,r=8,p=1$${base64(salt)}$${base64(scryptSync(password, salt, 32, cost))}`;
}
