import { connect, type Socket } from "node:net";
import { API_KEY, type Handoff } from "../e2e/process.ts";
import type { Finding } from "./experiment.ts";

/** What is no proper HTTP, or takes its time, byte by byte over connections of its own. */

interface Ended {
  /** Of the last answer; null where the server hung up without one. */
  readonly status: number | null;
  readonly ms: number;
}

/** Long after the longest that the server waits for anything. */
const GIVEN_UP_MS = 120_000;

/** Opens a connection for `talk`; resolves once the server has ended it. */
async function connection({ url }: Handoff, talk: (socket: Socket) => void): Promise<Ended> {
  const { hostname, port } = new URL(url);
  const openedAt = performance.now();
  const socket = connect(Number(port), hostname).setEncoding("latin1");
  let heard = "";
  socket.on("data", (text: string) => (heard += text)).on("error", () => undefined); // a reset is an end, too
  talk(socket);
  return await new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the server still waits after ${String(GIVEN_UP_MS)} ms; it said: ${heard.slice(0, 200)}`));
    }, GIVEN_UP_MS);
    socket.once("close", () => {
      clearTimeout(late);
      const status = [...heard.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].at(-1)?.[1];
      resolve({ status: status === undefined ? null : Number(status), ms: performance.now() - openedAt });
    });
  });
}

const TO_API = `POST /api/provisioning HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${API_KEY}\r\nContent-Type: application/json\r\n`;
const TO_UPLOAD = `POST /api/verification/residence-card HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer ${API_KEY}\r\nContent-Type: multipart/form-data; boundary=b\r\n`;
const toDoor = (door: string) => `POST ${door} HTTP/1.1\r\nHost: h\r\nContent-Type: text/xml\r\n`;
const PART = '--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n%PDF-1.7';

/** Whole requests that break HTTP's rules, or whose end never comes since we hang up. */
function broken(door: string): Readonly<Record<string, string | Buffer>> {
  return {
    "a body that ends early": `${TO_API}Content-Length: 100\r\n\r\n{"orderId":`,
    "an envelope that ends early": `${toDoor(door)}Content-Length: 100\r\n\r\n<soapenv:Envelope`,
    "a form that ends early": `${TO_UPLOAD}Content-Length: 9000\r\n\r\n${PART}`,
    "a chunk that ends early": `${TO_UPLOAD}Transfer-Encoding: chunked\r\n\r\nfff\r\n${PART}`,
    "a chunk whose length is none": `${TO_API}Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n`,
    "a chunk that is longer than it says": `${TO_API}Transfer-Encoding: chunked\r\n\r\n1\r\n{}}}}}\r\n0\r\n\r\n`,
    "a chunk as long as no number": `${TO_API}Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n{}\r\n0\r\n\r\n`,
    "a chunk with an endless extension": `${TO_API}Transfer-Encoding: chunked\r\n\r\n2;${"a".repeat(100_000)}\r\n{}\r\n0\r\n\r\n`,
    "two lengths": `${TO_API}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`,
    "a length and chunks": `${TO_API}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /api/jobs/x HTTP/1.1\r\n\r\n`,
    "a length below nothing": `${TO_API}Content-Length: -1\r\n\r\n{}`,
    "a length beyond numbers": `${TO_API}Content-Length: 99999999999999999999\r\n\r\n{}`,
    "another transfer encoding": `${TO_API}Transfer-Encoding: gzip\r\n\r\n{}`,
    "a header that is too long": `${TO_API}X: ${"a".repeat(20_000)}\r\n\r\n`,
    "too many headers": `${TO_API}${Array.from({ length: 3000 }, (_, at) => `x${String(at)}: 1\r\n`).join("")}\r\n`,
    "an address that is too long": `GET /${"a".repeat(70_000)} HTTP/1.1\r\nHost: h\r\n\r\n`,
    "bytes beyond ASCII in an address": Buffer.from(`GET /api/jobs/\u0085敵?q=\u0085 HTTP/1.1\r\nHost: h\r\n\r\n`),
    "NUL in a header": `${TO_API}X: a\0b\r\n\r\n`,
    "a header that goes on in the next line": `${TO_API}X: a\r\n b\r\n\r\n`,
    "a header's name with a blank": `${TO_API}Content-Length : 2\r\n\r\n{}`,
    "bare line feeds": TO_API.replaceAll("\r\n", "\n"),
    "no host": "GET /api/jobs/x HTTP/1.1\r\n\r\n",
    "two hosts": "GET /api/jobs/x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "an expectation": "GET /api/jobs/x HTTP/1.1\r\nHost: h\r\nExpect: the-unexpected\r\nConnection: close\r\n\r\n",
    "HTTP/0.9": "GET /healthz\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": "GET /healthz HTTP/9.9\r\n\r\n",
    "a method of nobody's": "EVAL / HTTP/1.1\r\nHost: h\r\n\r\n",
    "a tunnel": "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: h\r\n\r\n",
    TLS: Buffer.from("16030100c8010000c40303", "hex"),
    noise: Buffer.from(Array.from({ length: 5000 }, (_, at) => (at * 167) % 256)),
    "five hundred requests at once": "GET /api/jobs/x HTTP/1.1\r\nHost: h\r\n\r\n".repeat(500),
    "nothing at all": "",
  };
}

/** Each is sent, and then we hang up; it may have any answer, or none, but that of a program that broke. */
export async function brokenConnections(api: Handoff, door: string): Promise<Finding> {
  const all = Object.entries(broken(door));
  for (const [what, bytes] of all) {
    for (const hangUp of ["politely", "at once"] as const) {
      const { status } = await connection(api, (socket) => {
        if (hangUp === "politely") socket.end(bytes);
        else socket.write(bytes, () => socket.resetAndDestroy());
      });
      if (status !== null && status >= 500) throw new Error(`${what} was answered with ${String(status)}`);
    }
  }
  return {
    what: "connections that break HTTP's rules, or end in the middle of a request, politely and with a reset",
    times: 2 * all.length,
    lost: 0,
    doubled: 0,
    convergedMs: null,
  };
}

/** Those that say a little each second, so that no silence betrays them. Each has to be ended by the server. */
export async function slowConnections(api: Handoff, door: string): Promise<Finding> {
  const slow: Readonly<Record<string, readonly [begin: string, more: string]>> = {
    nothing: ["", ""],
    headers: [TO_API, "X: 1\r\n"],
    "a body": [`${TO_API}Content-Length: 60000\r\n\r\n`, " "],
    "a body in chunks": [`${TO_API}Transfer-Encoding: chunked\r\n\r\n`, "1\r\n \r\n"],
    "an envelope": [`${toDoor(door)}Content-Length: 60000\r\n\r\n`, " "],
    "a document": [`${TO_UPLOAD}Content-Length: 60000\r\n\r\n${PART}`, "x"],
    "a body that was refused": [`${TO_API.replace("Bearer", "Basic")}Content-Length: 60000\r\n\r\n`, " "],
    "a body at no address": ["POST /nowhere HTTP/1.1\r\nHost: h\r\nContent-Length: 60000\r\n\r\n", " "],
  };
  const ended = await Promise.all(
    Object.entries(slow).map(async ([what, [begin, more]]) => {
      const drip = (socket: Socket) => {
        socket.write(begin);
        if (more === "") return;
        const timer = setInterval(() => socket.write(more), 1000);
        socket.once("close", () => clearInterval(timer));
      };
      const all = await Promise.all(Array.from({ length: 10 }, () => connection(api, drip)));
      const failed = all.find(({ status }) => status !== null && status >= 500);
      if (failed !== undefined) throw new Error(`${what}, slowly, was answered with ${String(failed.status)}`);
      return { what, seconds: Math.max(...all.map(({ ms }) => ms)) / 1000 };
    }),
  );
  return {
    what: "connections that send a little each second, ten of each sort",
    times: 10 * ended.length,
    lost: 0,
    doubled: 0,
    convergedMs: 1000 * Math.max(...ended.map(({ seconds }) => seconds)),
    remark: `ended by the server: ${ended.map(({ what, seconds }) => `${what} after ${seconds.toFixed(0)} s`).join(", ")}`,
  };
}
