import type { Fault } from "../processors/line.ts";
import { startRedis } from "../redis.ts";
import type { Experiment } from "./experiment.ts";
import { type Came, carryThrough, type Hit } from "./hits.ts";
import { ordinaryExchanges } from "./ordinary.ts";
import { choose, sum } from "./turns.ts";

const DEADLINE_MS = 500;

const TOGETHER = 24;

/** What PHP says for itself before it says anything else, with the status of a success. */
const PHP_FAULT =
  "<br />\n<b>Fatal error</b>:  Uncaught Error: Call to a member function on null in /var/www/whmcs/vendor/x.php:12\n";

const MAINTENANCE =
  "<!DOCTYPE html><html><head><title>We are down for maintenance</title></head><body><h1>Sorry</h1></body></html>";

/** What comes in place of an answer, before or after it has been carried out. */
const ANSWERS: Readonly<Record<string, Pick<Fault, "mode"> & Readonly<Record<string, string | number>>>> = {
  "an error page with status 200, nothing done": { mode: "fail-before", status: 200, body: PHP_FAULT },
  "an error page with status 200, all done": { mode: "fail-after", status: 200, body: PHP_FAULT },
  "a maintenance page": { mode: "fail-before", status: 503, body: MAINTENANCE },
  "half of an answer that looks whole, all done": {
    mode: "fail-after",
    status: 200,
    body: '{"result":"success","records":[{"I',
  },
  "half of an answer, then the end of the connection, all done": { mode: "cut" },
  "an answer that never ends, all done": { mode: "endless" },
};

/** At each call to Salesforce, WHMCS and Freebit of every kind: an answer that is none. */
export const vendorAnswers: Experiment = {
  name: "vendor-answers",
  async run(scale, random) {
    const redis = await startRedis({ cluster: false }); // the workers reach it by a cable to one server
    try {
      const hits = (await ordinaryExchanges(redis, scale, random)).flatMap(({ request, exchange }): Hit[] =>
        exchange.with === "vendor" && exchange.vendor !== "mail"
          ? Object.values(ANSWERS).map((answer) => ({
              request,
              fault: { vendor: exchange.vendor, operation: exchange.operation, skip: exchange.nth, ...answer },
            }))
          : [],
      );
      const all = scale === "full" ? hits : choose(hits, 10, random);
      const came: Came[] = [];
      for (let at = 0; at < all.length; at += TOGETHER)
        came.push(...(await carryThrough(redis, all.slice(at, at + TOGETHER), DEADLINE_MS)));
      return [
        {
          what: `${Object.keys(ANSWERS).join("; ")}: at each call to Salesforce, WHMCS and Freebit of every kind`,
          times: all.length,
          lost: sum(came.map(({ difference }) => difference.lost)),
          doubled: sum(came.map(({ difference }) => difference.doubled)),
          convergedMs: Math.max(...came.map(({ ms }) => ms)),
          remark: `a deadline of ${String(DEADLINE_MS)} ms`,
        },
      ];
    } finally {
      await redis.stop();
    }
  },
};
