import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A command as it goes by: its name and its arguments. */
export type Command = readonly string[];

/** What becomes of a command: it passes; it never reaches Redis; or it is carried out, and its answer withheld. */
export type Passage = "pass" | "hold before" | "hold after";

/** Stands between a process and Redis, and stops what the experiment says, at exactly that place. */
export interface RedisProxy {
  readonly url: string;
  /** Cuts every connection, and lets none through until `mend`. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startRedisProxy(
  redisPort: number,
  judge: (command: Command) => Passage = () => "pass",
): Promise<RedisProxy> {
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    if (isCut) return void client.destroy();
    const redis = connect(redisPort, "127.0.0.1");
    let held = false;
    for (const socket of [client, redis]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => undefined); // the other end is told by "close"
      socket.once("close", () => {
        sockets.delete(socket);
        client.destroy();
        redis.destroy();
      });
    }
    const commands = commandReader();
    client.on("data", (bytes: Buffer) => {
      if (held) return;
      for (const { command, raw } of commands(bytes)) {
        const passage = judge(command);
        if (passage !== "hold before") redis.write(raw);
        if (passage === "pass") continue;
        held = true;
        return;
      }
    });
    redis.on("data", (bytes: Buffer) => {
      if (!held) client.write(bytes);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // it listens on TCP
  const cutAll = () => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    url: `redis://127.0.0.1:${String(port)}`,
    cut() {
      isCut = true;
      cutAll();
    },
    mend() {
      isCut = false;
    },
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      cutAll();
      await closed;
    },
  };
}

const CR_LF = 2;

/** Takes bytes as they come, and gives the commands that are whole: arrays of bulk strings, as clients send them. */
function commandReader(): (bytes: Buffer) => { command: Command; raw: Buffer }[] {
  let rest: Buffer = Buffer.alloc(0);

  const next = (): { command: Command; raw: Buffer } | undefined => {
    let at = 0;
    const number = (): number | undefined => {
      const end = rest.indexOf("\r\n", at);
      if (end < 0) return undefined;
      const value = Number(rest.toString("latin1", at + 1, end));
      at = end + CR_LF;
      return value;
    };
    const parts = number();
    if (parts === undefined) return undefined;
    const command: string[] = [];
    for (let part = 0; part < parts; part++) {
      const length = number();
      if (length === undefined || rest.length < at + length + CR_LF) return undefined;
      command.push(rest.toString("utf8", at, at + length));
      at += length + CR_LF;
    }
    const raw = rest.subarray(0, at);
    rest = rest.subarray(at);
    return { command, raw };
  };

  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const whole: { command: Command; raw: Buffer }[] = [];
    for (let found = next(); found !== undefined; found = next()) whole.push(found);
    return whole;
  };
}
