import { connect, createServer } from "node:net";

/** `wanted` where it is free on `host`, else any port that is. */
export async function portNear(wanted, host) {
  return (await canListen(wanted, host)) ?? (await freePort(host));
}

/** A port that nothing listens on now. Until something does, another program may take it. */
export function freePort(host) {
  return canListen(0, host);
}

/** The port, if `host` can listen on it now (0: any free one); else null. */
export function canListen(port, host) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(null));
    probe.listen({ port, host, exclusive: true }, () => {
      const taken = probe.address().port;
      probe.close(() => resolve(taken));
    });
  });
}

/** Asks a Redis server whether it is ready to serve: true only for its PONG, not while it loads its data. */
export function redisAnswers(port) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    const answer = (ready) => {
      socket.destroy();
      resolve(ready);
    };
    socket.setTimeout(1000, () => answer(false));
    socket.once("error", () => answer(false));
    socket.once("data", (reply) => answer(reply.toString().startsWith("+PONG")));
    socket.write("PING\r\n");
  });
}
