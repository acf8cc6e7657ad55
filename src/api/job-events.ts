import type { Follow } from "../queues/follow.ts";
import type { Intake } from "../queues/intake.ts";
import { hasEnded, type JobEvent, newsOf } from "../queues/job-events.ts";
import type { JobView } from "../queues/job-view.ts";
import type { Handler, Reply } from "./exchange.ts";
import { jobAskedFor } from "./jobs.ts";
import { Problem } from "./problem.ts";
import { beginStream, sendNothing } from "./send.ts";

/** Proxies give up a connection that is silent for 30 to 60 seconds; the specification of event streams advises 15. */
const HEARTBEAT_MS = 15_000;

/** How soon a listener whose connection was lost comes back, in milliseconds: quick, but not all in one instant with the restart. */
const COME_BACK_AFTER_MS = 2000;

/** What a listener leaves unread before it is cut: more than a whole job's story, little enough for each of them to hold. */
const MOST_UNREAD_BYTES = 64 * 1024;

/**
 * Each holds a socket, some 30 kB, and a read every 15 seconds: a thousand of them stay below the 1,024 files that many
 * systems let a process open, and cost a second of reads in fifteen.
 */
const MOST_STREAMS = 1000;

const RETRY_AFTER_SECONDS = 5;

/**
 * `GET /api/jobs/:id/events`: what happens to a job, as server-sent events, until it has ended. An event's id says all
 * that was told so far, so that a listener who comes back with `Last-Event-ID`, to whichever process, hears what is new.
 */
export function followJob(intake: Intake, follow: Follow, mostStreams = MOST_STREAMS): Handler {
  let streams = 0;
  return async (request, response) => {
    const job = await jobAskedFor(intake, request, response);
    if (response.closed) return; // the caller left meanwhile
    const given = request.headers["last-event-id"];
    const last = typeof given === "string" ? given : "";
    // Browsers come back by themselves even after the end; this is how they are told not to.
    if (hasEnded(job) && newsOf(job, last).length === 0) return sendNothing(response);
    if (request.method === "HEAD") return void beginStream(response, STREAM).end();
    if (streams >= mostStreams) {
      throw new Problem("unavailable", "Too many listeners follow jobs here at the moment.", {
        headers: { "retry-after": String(RETRY_AFTER_SECONDS) },
      });
    }

    streams += 1;
    response.once("close", () => (streams -= 1));
    beginStream(response, STREAM).write(`retry: ${String(COME_BACK_AFTER_MS)}\n\n`);
    const stream = streamOf(response, last);
    stream.tell(job);
    if (response.writableEnded) return;
    const heartbeat = setInterval(stream.beat, HEARTBEAT_MS);
    const leave = follow.follow(job.id, { job: stream.tell, over: stream.end });
    response.once("close", () => {
      clearInterval(heartbeat);
      leave();
    });
  };
}

/** `x-accel-buffering`: nginx holds back nothing. The connection ends with the stream, so that a process that stops need not wait. */
const STREAM = {
  type: "text/event-stream; charset=utf-8",
  headers: { "x-accel-buffering": "no", connection: "close" },
};

interface Stream {
  readonly tell: (job: JobView | null) => void;
  readonly beat: () => void;
  readonly end: () => void;
}

function streamOf(response: Reply, last: string): Stream {
  let told = last;
  const write = (text: string) => {
    if (response.writableEnded || response.destroyed) return;
    response.write(text);
    // Who comes back with Last-Event-ID has lost nothing.
    if (response.writableLength > MOST_UNREAD_BYTES) response.destroy();
  };
  const end = () => void response.end();
  return {
    end,
    beat: () => write(":\n\n"),
    tell(job: JobView | null) {
      if (job === null) return end();
      const events = newsOf(job, told);
      if (events.length > 0) write(events.map(inWire).join(""));
      told = events.at(-1)?.id ?? told;
      if (hasEnded(job)) end();
    },
  };
}

/** JSON has no line breaks, so one line holds it. */
function inWire({ event, id, data }: JobEvent): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
