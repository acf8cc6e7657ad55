import { mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { SetupError, say } from "./command.mjs";
import { keptSecrets, programEnvironment } from "./defaults.mjs";
import { openLog, readable } from "./log.mjs";
import { canListen, freePort, portNear, redisAnswers } from "./ports.mjs";
import { NODE_FLAGS } from "./setup.mjs";

const READY_WITHIN_MS = 60_000;
/** Loading a large append-only file takes Redis a while. */
const REDIS_WITHIN_MS = 120_000;

/**
 * Starts Redis, the sandbox and the program by `start`, each as soon as what it needs is known. Resolves once the
 * program is ready, to what a person wants to know of it. Rejects with `SetupError` where one of them does not come up.
 */
export async function startSystem({ node, redisServer, environment, folder, start, claim }) {
  const secrets = await keptSecrets(folder);
  const host = environment.HOST || "127.0.0.1";
  const port = await portFor(environment.PORT, host);
  const address = `http://${["0.0.0.0", "::"].includes(host) ? "127.0.0.1" : host}:${port}`;

  const [redisUrl, sandbox] = await Promise.all([
    redisServer ? startRedis(redisServer, path.join(folder, "redis"), start, claim) : null,
    needsSandbox(environment) ? startSandbox(node, environment, address, secrets, start) : null,
  ]);

  const settings = programEnvironment({
    given: environment,
    secrets,
    listen: { host, port },
    redisUrl,
    sandbox,
    dataDir: folder,
  });
  const log = path.join(folder, "handoff.log");
  // Until it is ready, the program remarks on what is not there yet.
  let ready = false;
  const onLine = await openLog(log, { show: say, leastLevel: () => (ready ? "warn" : "error") });
  const program = start("Handoff", node, [...NODE_FLAGS, "src/main.ts"], { env: settings, onLine });
  await comesUp(program, READY_WITHIN_MS, () => whyNotReady(`${address}/readyz`));
  ready = true;
  return { address, log, sandbox, account: sandbox?.account ?? null, ...whatMayBeShown(environment, secrets) };
}

/** Only what was made here is shown: a secret that came with the environment is not ours to print. */
function whatMayBeShown(environment, secrets) {
  return {
    apiKey: environment.API_KEYS ? null : secrets.apiKey,
    dashboard: environment.DASHBOARD_USERS ? null : { user: "admin", password: secrets.dashboardPassword },
  };
}

async function portFor(wanted, host) {
  if (!wanted) return portNear(3000, host);
  if (!/^\d{1,5}$/.test(wanted) || Number(wanted) > 65_535)
    throw new SetupError(`PORT is ${wanted}: it must be a port, 0 to 65535.`, BAD_SETTINGS);
  if ((await canListen(Number(wanted), host)) !== null) return Number(wanted);
  throw new SetupError(`PORT is ${wanted}, which another program uses, or which ${host} cannot listen on.`);
}

/** Between finding a free port and listening on it, another program may take it: then the next one is tried. */
async function startRedis(server, folder, start, claim, triesLeft = 3) {
  await mkdir(folder, { recursive: true });
  const port = await freePort("127.0.0.1");
  const settings = {
    port: String(port),
    bind: "127.0.0.1",
    dir: folder,
    daemonize: "no",
    save: "",
    appendonly: "yes",
    appendfsync: "always",
    "maxmemory-policy": "noeviction",
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const redis = start("Redis", server, args);
  const url = `redis://127.0.0.1:${port}`;
  await claim.redisIs(redis.pid, url);
  try {
    await comesUp(redis, REDIS_WITHIN_MS, async () => ((await redisAnswers(port)) ? null : "it loads its data"));
  } catch (error) {
    if (triesLeft === 1 || !error.message.includes("Address already in use")) throw error;
    return startRedis(server, folder, start, claim, triesLeft - 1);
  }
  return url;
}

function needsSandbox(environment) {
  return !["SALESFORCE_LOGIN_URL", "WHMCS_URL", "SMTP_URL"].every((name) => environment[name]);
}

/** Resolves to where it listens and what its seed holds. */
async function startSandbox(node, environment, address, secrets, start) {
  const token = environment.SALESFORCE_OUTBOUND_TOKEN || secrets.outboundToken;
  let listening = null;
  const env = {
    ...environment,
    // Its usual ports where they are free, else any: it says which.
    SANDBOX_PORT: String((await canListen(4000, "127.0.0.1")) ?? 0),
    SANDBOX_SMTP_PORT: String((await canListen(2525, "127.0.0.1")) ?? 0),
    SANDBOX_OUTBOUND_URL: `${address}/salesforce/outbound-messages/${token}`,
    SANDBOX_EXIT_WITH_PARENT: "1",
    // The sandbox forgets at each start, and the data of the last one remembers its orders as done.
    SANDBOX_NEW_IDS: "1",
  };
  const onLine = (line) => {
    if (line.startsWith('{"sandbox":')) listening = JSON.parse(line).sandbox;
  };
  const sandbox = start("sandbox", node, [...NODE_FLAGS, "src/sandbox/main.ts"], { env, onLine });
  await comesUp(sandbox, READY_WITHIN_MS, async () => (listening === null ? "it does not listen yet" : null));
  const state = await (await fetch(`${listening.url}/control/state`)).json();
  return { ...listening, ...seedOf(state) };
}

/** What the settings and the greeting need to know of the company that the sandbox is filled with. */
function seedOf({ organizationId, seed, credentials, salesforce }) {
  const account = salesforce.Account.find(({ Id }) => Id === seed.accounts.unasked);
  return { organizationId, pricebookId: seed.pricebookId, credentials, account };
}

/** The exit code of bad settings, here as in the program itself. */
const BAD_SETTINGS = 78;

/** Resolves once `obstacle()` is null. Rejects where the child ends first or takes longer than `withinMs`. */
async function comesUp(child, withinMs, obstacle) {
  const patience = Date.now() + withinMs;
  const ended = child.ended.then((how) => `ended (${how})`);
  for (let reason = "it does not answer"; reason !== null;) {
    const how = await Promise.race([ended, pause(25)]);
    if (how !== undefined) throw didNotStart(child, how);
    if (Date.now() > patience) throw didNotStart(child, `is not ready after ${withinMs / 1000} seconds (${reason})`);
    reason = await obstacle();
  }
}

function didNotStart({ name, lastLines }, what) {
  const words = [`${name} ${what}.`, ...lastLines.map((line) => `  ${readable(line)}`)].join("\n");
  return new SetupError(words, what.includes(`exit code ${BAD_SETTINGS}`) ? BAD_SETTINGS : 1);
}

/** Null where the program is ready, else its own words. */
async function whyNotReady(url) {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2000) });
    return response.ok ? null : `${response.status} ${(await response.text()).slice(0, 300)}`;
  } catch {
    return "it does not answer";
  }
}
