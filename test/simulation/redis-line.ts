import type { Connection } from "../../src/queues/connection.ts";
import type { Faults } from "./faults.ts";
import { connectionTo, type RedisStandIn } from "./redis-stand-in.ts";
import type { Process, Time } from "./time.ts";

/** The server's side: whether it is there, and who waits in it for something to come. */
export interface Server {
  readonly redis: RedisStandIn;
  isUp: boolean;
  /** How many commands came again, because their answers were lost. */
  repeated: number;
}

/** A command on its way. */
interface Command {
  readonly what: string;
  /** Performed at the server, all at once. `null`: not yet, ask again (a blocking command). */
  readonly execute: () => { readonly answer: unknown } | null;
  readonly resolve: (answer: unknown) => void;
  readonly reject: (error: Error) => void;
  isThere: boolean;
  isSettled: boolean;
}

/** What a process holds of Redis: as ioredis does, it sends what got no answer again once it is back. */
export type Line = ReturnType<typeof openLine>;

/** How long a door waits for an answer (`connection.ts`). */
const DOOR_PATIENCE_MS = 2000;

export function openLine(
  time: Time,
  server: Server,
  process: Process,
  { isDoor, faults }: { readonly isDoor: boolean; readonly faults: Faults },
) {
  const { random } = time;
  let under: Command[] = [];
  let call = 1;
  let isCut = false;
  let arrivesMs = 0;
  let answersMs = 0;

  const dispatch = (command: Command): void => {
    const mine = call;
    arrivesMs = Math.max(arrivesMs, time.nowMs() + 0.1 + random.next() * faults.wireMs);
    time.after(arrivesMs - time.nowMs(), null, `${process.name} > ${command.what}`, () => {
      if (mine === call && !command.isThere) perform(command);
    });
  };

  const perform = (command: Command): void => {
    if (!server.isUp) {
      line.cut(1);
      return;
    }
    let done: { readonly answer: unknown } | { readonly refusal: Error } | null;
    try {
      done = command.execute();
    } catch (error) {
      done = { refusal: error as Error }; // a command throws nothing else
    }
    if (done === null) {
      waiting.add(command);
      return;
    }
    command.isThere = true;
    time.note(`${process.name} = ${command.what} ${said("refusal" in done ? done.refusal.message : done.answer)}`);
    const result = done;
    const mine = call;
    answersMs = Math.max(answersMs, time.nowMs() + 0.1 + random.next() * faults.wireMs);
    time.after(answersMs - time.nowMs(), process, `< ${command.what}`, () => {
      if (mine !== call || command.isSettled) return;
      under = under.filter((one) => one !== command);
      command.isSettled = true;
      if ("refusal" in result) command.reject(result.refusal);
      else command.resolve(result.answer);
    });
  };

  /** Blocking commands that are at the server. */
  const waiting = new Set<Command>();

  const comeBack = (): void => {
    if (!server.isUp) {
      time.after(50 + random.next() * 500, process, "looks for Redis", comeBack);
      return;
    }
    isCut = false;
    for (const command of under) {
      if (command.isThere) server.repeated += 1;
      command.isThere = false;
      dispatch(command);
    }
  };

  const settle = (command: Command, error: Error): void => {
    command.isSettled = true;
    command.reject(error);
  };

  const line = {
    process,
    /** Sends a command; `execute` is what it does at the server. */
    async send<T>(what: string, execute: () => { readonly answer: T } | null): Promise<T> {
      faults.at(`redis ${what}`, process, line);
      return await new Promise<T>((resolve, reject) => {
        if (!process.alive) return; // it was killed just now
        const command: Command = {
          what,
          execute,
          resolve: resolve as (answer: unknown) => void, // `execute` gives T, and nothing else gets here
          reject,
          isThere: false,
          isSettled: false,
        };
        if (isDoor && isCut) {
          settle(command, new Error("Stream isn't writeable and enableOfflineQueue options is false"));
          return;
        }
        under.push(command);
        if (isDoor) {
          time.after(DOOR_PATIENCE_MS, process, "rings", () => {
            if (!command.isSettled) settle(command, new Error("Command timed out"));
          });
        }
        if (!isCut) dispatch(command);
      });
    },
    /** What blocked may go on. */
    wake(): void {
      const [first] = waiting;
      if (first === undefined) return;
      waiting.delete(first);
      perform(first);
    },
    /** All that blocked. */
    wakeAll(): void {
      for (let count = waiting.size; count > 0; count--) line.wake();
    },
    isWaiting: () => waiting.size > 0,
    /** Breaks the line: of what is on the way some still reaches the server; no answer comes back. */
    cut(backInMs: number): void {
      waiting.clear();
      let reaches = random.next() < 0.5;
      const isGoneFor = backInMs + 1;
      for (const command of under.filter(({ isThere }) => !isThere)) {
        reaches &&= random.next() < 0.7;
        if (reaches && server.isUp) perform(command);
      }
      waiting.clear();
      call += 1;
      if (isDoor && random.next() < 0.5) {
        const lost = under.filter(({ isSettled }) => !isSettled);
        under = [];
        time.after(1, process, "loses Redis", () => {
          for (const command of lost) settle(command, new Error("Reached the max retries per request limit"));
        });
      }
      if (isCut) return; // it is looking for Redis already
      isCut = true;
      time.after(isGoneFor, process, "looks for Redis", comeBack);
    },
  };
  return line;
}

function said(answer: unknown): string {
  if (typeof answer === "object" && answer !== null && "id" in answer) return String(answer.id);
  return Array.isArray(answer) && answer.length < 20
    ? JSON.stringify(answer)
    : typeof answer === "string"
      ? answer
      : "";
}

/** What the program calls on a connection, over `line`. */
export function connectionOver(line: Line, { redis }: Server): Connection {
  return connectionTo(redis, async (what, perform) => await line.send(what, () => ({ answer: perform() })));
}
