import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as fc from "fast-check";
import { problemSorts } from "../../src/api/openapi-answers.ts";
import { kinds } from "../../src/processors/index.ts";
import { ORGANIZATION_ID } from "../../src/sandbox/salesforce/token.ts";
import { API_KEY, type Handoff } from "../e2e/process.ts";
import { olga, openBrowser, signIn } from "../dashboard/site.ts";
import type { Experiment, Finding, Random, Scale } from "./experiment.ts";
import { faultOf, shown } from "./hostile-answers.ts";
import { boardRequest } from "./hostile-board.ts";
import { envelopeTo } from "./hostile-envelopes.ts";
import { leftBehind } from "./hostile-leftovers.ts";
import { callsOf, type HostileRequest, requestTo, strayRequest } from "./hostile-requests.ts";
import { brokenConnections, slowConnections } from "./hostile-sockets.ts";
import { MARKED } from "./hostile-texts.ts";
import { inPlant, OUTBOUND_TOKEN, pause, type Plant } from "./plant.ts";
import { type Answered, sender } from "./sender.ts";

const DOOR = `/salesforce/outbound-messages/${OUTBOUND_TOKEN}`;
/** Requests that are under way at the same time, each of a row of its own. */
const ROWS = 32;
const MOST_TRIES = 4;
/**
 * Far less than a process has in production: what is never let go of ends it before the last input. What lives for one
 * request has the usual room, for Node would make that smaller, too, and collect garbage for a third of the time.
 */
const HEAP = "--max-old-space-size=96 --max-semi-space-size=16";
/** What may come and go: of what the process holds on to, and of its memory as a whole, with its buffers and its code. */
const MOST_GROWTH = { held: 8_000_000, resident: 64_000_000 };

/** Whatever strangers, broken programs and people who mean harm send: each is answered, and nothing stays of it. */
export const hostile: Experiment = {
  name: "hostile",
  async run(scale, random) {
    const folder = await mkdtemp(path.join(tmpdir(), "handoff-hostile-"));
    try {
      return await inPlant(async (plant) => {
        const api = await plant.startApi({
          NODE_OPTIONS: HEAP,
          ROLES: "api,dashboard",
          DASHBOARD_USERS: `olga:operator:${olga.hash.reveal()}`,
          SESSION_SECRET: "the secret that signs sessions in tests",
          DATA_DIR: folder,
          SALESFORCE_LOGIN_URL: plant.sandbox.url,
          SALESFORCE_CLIENT_ID: "sandbox-client",
          SALESFORCE_CLIENT_SECRET: "sandbox-secret",
        });
        const slow = scale === "full" ? slowConnections(api, DOOR) : Promise.resolve(null);
        const [sent, ended] = await Promise.all([sendAll(plant, api, scale, folder, random), slow]);
        const findings = [sent, await brokenConnections(api, DOOR), ...(ended === null ? [] : [ended])];
        if ((await api.status("/readyz")) !== 200) throw new Error("the API does not answer any more");
        if (MARKED.test(api.stdout() + api.stderr())) throw new Error("the log holds what was sent");
        return findings;
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  },
};

async function sendAll(
  plant: Plant,
  api: Handoff,
  scale: "short" | "full",
  folder: string,
  random: Random,
): Promise<Finding> {
  const times = scale === "full" ? 100_000 : 2000;
  const inputs = await inputsFor(api);
  const codes = new Set(problemSorts(kinds).map(({ code }) => code));
  const { send: sendOne, close } = sender(api.url, ROWS);
  const send = async (request: HostileRequest) =>
    await sendOne(request).catch((cause: unknown) => {
      throw new Error(`${String(cause)}\n${shown(request)}`, { cause });
    });
  const accepted = new Set<string>();
  const memory: Memory[] = [];
  let sent = 0;
  let late = 0;
  const input = fc.asyncProperty(inputs, async (request) => {
    let answer = await send(request);
    // A Redis that is slow for a moment on a busy machine is not the input's fault; one that the input stops is slow again.
    for (let tries = 1; isLate(answer) && tries < MOST_TRIES; tries++) {
      late += 1;
      await pause(500);
      answer = await send(request);
    }
    const fault = faultOf(request, answer, { codes, door: DOOR });
    if (fault !== null) throw new Error(`${fault}\n${shown(request)}\n\n${answer.body.slice(0, 500)}`);
    if (answer.status === 202) accepted.add(idIn(answer));
    if ((sent += 1) % Math.ceil(times / 50) === 0) memory.push(await memoryOf(api));
  });
  try {
    await Promise.all(
      Array.from({ length: ROWS }, async () => {
        const seed = random.between(0, 2 ** 31 - 1);
        const run = await fc.check(input, { seed, numRuns: Math.ceil(times / ROWS) });
        // The smallest input that fails; what it was stands in the message.
        if (run.failed) throw run.errorInstance;
      }),
    );
  } finally {
    close();
  }
  const left = await leftBehind(plant.redis, folder, accepted);
  if (left.length > 0) throw new Error(`nothing that was accepted has this: ${left.slice(0, 10).join(", ")}`);
  return {
    what: "hostile requests to every call of the REST API, to the door of outbound messages, to the operators' pages and to no address at all",
    times: sent,
    lost: 0,
    doubled: 0,
    convergedMs: null,
    remark: `${String(accepted.size)} jobs; ${grown(memory, scale)}; nothing else was done for ${String(Math.max(...memory.map(({ heldUpMs }) => heldUpMs)))} ms at most; Redis was too slow for ${String(late)}, which were sent again`,
  };
}

/** Three in four to the calls of the API's own description. */
async function inputsFor(api: Handoff): Promise<fc.Arbitrary<HostileRequest>> {
  const calls = callsOf(JSON.parse(await api.text("/api/openapi.json")));
  const job = await api.accepted("/api/provisioning", { orderId: "8015g0000000000AAA" });
  return fc.oneof(
    ...calls.map((call) => ({
      weight: call.type === null ? 1 : 7,
      arbitrary: requestTo(call, API_KEY, [job.id]),
    })),
    { weight: 10, arbitrary: envelopeTo(DOOR, ORGANIZATION_ID) },
    { weight: 5, arbitrary: strayRequest(API_KEY) },
    { weight: 2, arbitrary: boardRequest(await operatorsCookie(api), [job.id]) },
  );
}

async function operatorsCookie(api: Handoff): Promise<string> {
  const browser = openBrowser(api);
  await signIn(browser, { name: olga.name });
  return [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
}

/** By which the doors say that Redis did not answer in time. */
const LATE = /"code":"(?:not-accepted|unavailable)"|could be kept safe/;
const isLate = ({ status, body }: Answered) => status >= 500 && LATE.test(body);

const idIn = ({ body }: Answered) => (JSON.parse(body) as { readonly id: string }).id; // the API's own tests hold it to that

interface Memory {
  readonly resident: number;
  readonly held: number;
  /** The longest that the event loop was held up since the last look. */
  readonly heldUpMs: number;
}

async function memoryOf(api: Handoff): Promise<Memory> {
  const metrics = await api.text("/metrics");
  const metric = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(metrics)?.[1]);
  return {
    resident: metric("process_resident_memory_bytes"),
    held: metric("nodejs_heap_size_used_bytes"),
    heldUpMs: Math.round(1000 * metric("nodejs_eventloop_lag_max_seconds")),
  };
}

/**
 * Says how memory went, and throws where it grew from the first half to the end. Garbage comes and goes, so the least counts; in
 * a short run too little of it goes to judge by.
 */
function grown(memory: readonly Memory[], scale: Scale): string {
  const quarter = Math.floor(memory.length / 4);
  const least = (from: number, of: "held" | "resident") =>
    Math.min(...memory.slice(from, from + quarter).map((one) => one[of]));
  const said = (["held", "resident"] as const).map((of) => {
    const [before, after] = [least(quarter, of), least(3 * quarter, of)];
    const words = `${of} memory ${inMegabytes(before)} MB in the second quarter, ${inMegabytes(after)} MB in the last`;
    if (scale === "full" && after - before > MOST_GROWTH[of]) throw new Error(`it grows: ${words}`);
    return words;
  });
  return said.join("; ");
}

const inMegabytes = (bytes: number) => (bytes / 1_000_000).toFixed(0);
