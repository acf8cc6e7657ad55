import { type Connection, subscriberOf } from "./connection.ts";
import type { JobView } from "./job-view.ts";

/**
 * How often whatever is followed is read again without being told to. Redis tells a change once, to who listens at that
 * moment: this is the net for a subscription that broke without a word, for a cluster's subscriber that moved to another
 * node, and for a job that BullMQ gave up by itself. Someone who waits for a job does not mind 15 seconds in such a case.
 */
const LOOK_AGAIN_MS = 15_000;

export interface Listener {
  /** The job as it is now, told at first, then whenever it may have changed; null where it is no longer kept. */
  job(view: JobView | null): void;
  /** This process stops: nothing more comes. */
  over(): void;
}

/** Tells listeners how their jobs go on: one connection to Redis, one read a change, however many they are. */
export interface Follow {
  /** Follows the job until what is returned is called. */
  follow(id: string, listener: Listener): () => void;
  /** Tells every listener that it is over, now and from now on. */
  close(): void;
}

interface Followed {
  readonly id: string;
  readonly listeners: Set<Listener>;
  /** `again`: it changed while it was being read. */
  reading: "no" | "now" | "again";
}

/**
 * `redis`: the connection whose like is opened once there is a listener. `channel`: where a job's changes are told
 * (`ledger.channel`). `read`: the job as it is now. `complain`: told what the connection meets.
 */
export function openFollow({
  redis,
  channel,
  read,
  complain,
  lookAgainMs = LOOK_AGAIN_MS,
}: {
  redis: Connection;
  channel: (id: string) => string;
  read: (id: string) => Promise<JobView | null>;
  complain: (error: unknown) => void;
  lookAgainMs?: number;
}): Follow {
  /** By channel. */
  const followed = new Map<string, Followed>();
  let subscriber: ReturnType<typeof subscriberOf> | undefined;
  let net: NodeJS.Timeout | undefined;
  let closed = false;

  /** Whether the job could be read. */
  const look = async (job: Followed): Promise<boolean> => {
    if (job.reading !== "no") {
      job.reading = "again";
      return true;
    }
    let view: JobView | null;
    try {
      do {
        job.reading = "now";
        view = await read(job.id);
        // What was read while it changed may be half of one state and half of the next.
      } while (isAgain(job));
    } catch {
      return false; // Redis is away: once it is back, everything is read again
    } finally {
      job.reading = "no";
    }
    for (const listener of job.listeners) {
      try {
        listener.job(view);
      } catch (error) {
        complain(error); // its fault alone: the others are told all the same
      }
    }
    return true;
  };

  /** One after the other, so that a thousand jobs do not keep Redis from its work. */
  const lookAtAll = async (): Promise<void> => {
    for (const job of followed.values()) {
      if (!(await look(job))) return;
    }
  };

  /** Whatever was told before this process listened is made up for by a look. */
  const subscribeTo = async (connection: Connection, channels: readonly string[]): Promise<void> => {
    if (channels.length > 0) await connection.subscribe(...channels);
  };

  const open = () => {
    const opened = subscriberOf(redis);
    const { connection } = opened;
    connection.on("error", complain);
    connection.on("message", (told: string) => {
      const job = followed.get(told);
      if (job !== undefined) void look(job);
    });
    connection.on("ready", () => {
      void subscribeTo(connection, [...followed.keys()])
        .catch(complain)
        .then(lookAtAll);
    });
    net = setInterval(() => void lookAtAll(), lookAgainMs).unref();
    return opened;
  };

  const begin = async (connection: Connection, name: string, job: Followed): Promise<void> => {
    // Until the connection is ready there is nobody to ask; then everything is subscribed to and read.
    if (connection.status === "ready") await subscribeTo(connection, [name]).catch(complain);
    await look(job);
  };

  return {
    follow(id, listener) {
      if (closed) {
        listener.over();
        return () => undefined;
      }
      subscriber ??= open();
      const { connection } = subscriber;
      const name = channel(id);
      let job = followed.get(name);
      if (job === undefined) {
        job = { id, listeners: new Set(), reading: "no" };
        followed.set(name, job);
        void begin(connection, name, job);
      } else {
        void look(job);
      }
      job.listeners.add(listener);

      return () => {
        if (job.listeners.delete(listener) && job.listeners.size === 0) {
          followed.delete(name);
          // Where it cannot be said, the connection is gone, and its subscriptions with it.
          if (connection.status === "ready") connection.unsubscribe(name).catch(complain);
        }
      };
    },

    close() {
      closed = true;
      clearInterval(net);
      const listeners = [...followed.values()].flatMap((job) => [...job.listeners]);
      for (const job of followed.values()) job.listeners.clear(); // one of them may just be read
      followed.clear();
      for (const listener of listeners) listener.over();
      subscriber?.close();
    },
  };
}

/** A field that others set meanwhile, which the compiler cannot know. */
function isAgain(job: Followed): boolean {
  return job.reading === "again";
}
