import { afterAll, beforeAll, expect, it } from "vitest";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Line, openLine } from "./line.ts";
import { type Request, requests } from "./requests.ts";

let redis: TestRedis;
let line: Line;

beforeAll(async () => {
  redis = await startRedis();
  line = await openLine({ redis });
  line.engine.work();
});
afterAll(async () => {
  await line.close();
  await redis.stop();
});

const request = (name: string): Request => {
  const found = requests[name];
  if (found === undefined) throw new Error(`no request is called ${name}`);
  return found;
};

it("cancels on the last of Salesforce's daily calls, for which all else waits until some are free again", async () => {
  const [check, cancellation] = [request("eligibility"), request("cancellation of Internet")];
  await line.use(4800);
  // Nobody knows of it before the first reply.
  expect(await line.carry(cancellation.kind, cancellation.payload)).toMatchObject({ outcome: "done" });
  expect(await line.engine.allowances.salesforce.used()).toBeGreaterThan(0.95);

  const taken = await line.engine.accept(check.kind, check.payload);
  if (taken.how === "key-reused") throw new Error("no key was given");
  while (!line.engine.ends.includes("waiting")) await new Promise((resolve) => setImmediate(resolve));
  expect(await line.engine.job(taken.job.id)).toMatchObject({ state: "queued", attempts: 0, steps: [] });

  const sim = request("cancellation of a SIM");
  expect(await line.carry(sim.kind, sim.payload)).toMatchObject({ outcome: "done" });
  expect(await line.engine.job(taken.job.id)).toMatchObject({ state: "queued" });

  await line.use(100);
  expect(await line.engine.until(taken.job.id, "completed")).toMatchObject({ outcome: "done" });
});
