import { once } from "node:events";
import { createServer } from "node:http";
import { Queue } from "bullmq";
import express from "express";
import { Redis } from "ioredis";
import { eligibility } from "../../src/processors/eligibility.ts";

/**
 * What one would write without Handoff: Express 5, a zod check, `queue.add`. No key, no natural key, nothing sealed,
 * nothing logged. Listens on PORT.
 */
const redis = new Redis(process.env["REDIS_URL"] ?? "", { maxRetriesPerRequest: null });
await once(redis, "ready");
const queue = new Queue("bare", { connection: redis });
const app = express();
app.use(express.json());
app.post("/api/services/internet/eligibility-request", async (request, response) => {
  const parsed = eligibility.payload.safeParse(request.body);
  if (!parsed.success) {
    response.status(422).json({ errors: parsed.error.issues });
    return;
  }
  const job = await queue.add("bare", parsed.data);
  response.status(202).json({ id: job.id });
});
createServer(app).listen(Number(process.env["PORT"]), "127.0.0.1");
