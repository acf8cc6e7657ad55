import { once } from "node:events";
import { createServer } from "node:http";
import { connect } from "node:net";
import { expect, it } from "vitest";
import { type BodyError, readText } from "../../src/api/body.ts";

it("a body whose caller goes away is given up at once, long before its deadline", async () => {
  const rules = { types: ["application/json"], typeRequired: true, mostBytes: 100, deadlineMs: 60_000 };
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the test server has no port");
  const given = new Promise<unknown>((resolve) => {
    server.once("request", (request) => void readText(request, rules).then(resolve, resolve));
  });
  const socket = connect(address.port, "127.0.0.1");
  socket.write("POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 50\r\n\r\n{", () =>
    socket.destroy(),
  );
  expect(await given).toMatchObject({ name: "BodyError", fault: "cut-off" } satisfies Partial<BodyError>);
  server.close();
});
