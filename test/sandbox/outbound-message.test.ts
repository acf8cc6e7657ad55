import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { SaxesParser } from "saxes";
import { afterEach, describe, expect, it, vi } from "vitest";
import { call, inside, runningSandbox } from "./running-sandbox.ts";

const { url, control, rest, state, seeded } = runningSandbox({ redeliveryMs: [10, 10] });

const ACK = `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse></soapenv:Body></soapenv:Envelope>`;
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

/** The other side: keeps each envelope, and answers in turn. */
async function receiver(...answers: readonly { readonly status: number; readonly body: string }[]) {
  const envelopes: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
    request.on("end", () => {
      const answer = answers[envelopes.length] ?? { status: 200, body: ACK };
      envelopes.push(body);
      response.writeHead(answer.status, { "content-type": "text/xml" }).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address() as AddressInfo; // a TCP server has no other address
  closing.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${String(address.port)}/in`, envelopes };
}

/** The texts of the elements with that local name; throws where the XML is not well-formed. */
function texts(xml: string, name: string): string[] {
  const found: string[] = [];
  const parser = new SaxesParser({ xmlns: true });
  let open = false;
  parser.on("opentag", (tag) => {
    open = tag.local === name;
    if (open) found.push("");
  });
  parser.on("text", (text) => {
    if (open) found.push(`${found.pop() ?? ""}${text}`);
  });
  parser.on("closetag", () => (open = false));
  parser.on("error", (error) => {
    throw error;
  });
  parser.write(xml).close();
  return found;
}

describe("an order that becomes Approved", () => {
  it("is announced once, with the record as Salesforce writes it", async () => {
    const { url: to, envelopes } = await receiver();
    await control("PUT", "outbound-url", { url: to });
    const orderId = await seeded("orders", "pendingHome");
    await rest("PATCH", `sobjects/Order/${orderId}`, { Note__c: "渋谷 A&B <3F>" });
    await rest("PATCH", `sobjects/Order/${orderId}`, { Status: "Approved" });
    await rest("PATCH", `sobjects/Order/${orderId}`, { Note__c: "渋谷 A&B <4F>" });
    await vi.waitFor(async () =>
      expect(await state("outbound", "deliveries")).toMatchObject([
        { state: "acknowledged", tries: 1, orderIds: [orderId] },
      ]),
    );
    const [xml = ""] = envelopes;
    expect(envelopes).toHaveLength(1);
    expect(texts(xml, "OrganizationId")).toEqual(["00D5g000004AbCdEAK"]);
    expect(texts(xml, "Id")).toEqual([expect.stringMatching(/^04l/), orderId]);
    expect(texts(xml, "Status")).toEqual(["Approved"]);
    expect(texts(xml, "MNP__c")).toEqual(["false"]);
    expect(texts(xml, "LastModifiedDate")[0]).toMatch(/\.\d{3}Z$/);
    expect(texts(xml, "EnterpriseUrl")).toEqual([`${url()}/services/Soap/c/62.0/00D5g000004AbCd`]);
  });

  it("is announced when the page's button approves it", async () => {
    const { url: to, envelopes } = await receiver();
    await control("PUT", "outbound-url", { url: to });
    const orderId = await seeded("orders", "pendingSim");
    const pressed = await call(`${url()}/page/orders/${orderId}/approve`, { method: "POST", redirect: "manual" });
    expect(pressed.status).toBe(303);
    await vi.waitFor(() => expect(envelopes).toHaveLength(1));
    expect(await state("salesforce", "Order", "4", "Status")).toBe("Approved");
  });

  it("is not announced where the write was undone", async () => {
    const { url: to } = await receiver();
    await control("PUT", "outbound-url", { url: to });
    const orderId = await seeded("orders", "pendingSim");
    await rest("POST", "composite", {
      allOrNone: true,
      compositeRequest: [
        {
          method: "PATCH",
          url: `/services/data/v62.0/sobjects/Order/${orderId}`,
          referenceId: "a",
          body: { Status: "Approved" },
        },
        { method: "POST", url: "/services/data/v62.0/sobjects/Case", referenceId: "b", body: { Type: "Nonsense" } },
      ],
    });
    expect(await state("outbound", "deliveries")).toEqual([]);
  });
});

describe("a message", () => {
  it("comes again with the same id until it is acknowledged", async () => {
    const { url: to, envelopes } = await receiver(
      { status: 500, body: ACK },
      { status: 200, body: ACK.replace("true", "false") },
    );
    const orderId = await seeded("orders", "approvedVpn");
    expect((await control("POST", "outbound-messages", { orderIds: [orderId], to })).body).toMatchObject({
      state: "waiting",
      status: 500,
      tries: 1,
    });
    await vi.waitFor(async () =>
      expect(await state("outbound", "deliveries", "0")).toMatchObject({ state: "acknowledged", tries: 3 }),
    );
    expect(new Set(envelopes.map((xml) => texts(xml, "Id")[0])).size).toBe(1);
  });

  it("is given up after its last try", async () => {
    const refusal = { status: 200, body: "OK" };
    const { url: to } = await receiver(refusal, refusal, refusal);
    await control("POST", "outbound-messages", { orderIds: [await seeded("orders", "approvedVpn")], to });
    await vi.waitFor(async () =>
      expect(await state("outbound", "deliveries", "0")).toMatchObject({ state: "given up", tries: 3 }),
    );
  });

  it("can carry several orders", async () => {
    const { url: to, envelopes } = await receiver();
    const orderIds = [await seeded("orders", "approvedVpn"), await seeded("orders", "approvedApartment")];
    const { body } = await control("POST", "outbound-messages", { orderIds, to });
    expect(inside(body, "notificationIds")).toHaveLength(2);
    expect(texts(envelopes[0] ?? "", "Notification")).toHaveLength(2);
  });

  it("needs an order that exists and an address", async () => {
    expect(
      (await control("POST", "outbound-messages", { orderIds: [await seeded("orders", "approvedVpn")] })).status,
    ).toBe(409);
    expect(
      (await control("POST", "outbound-messages", { orderIds: ["8015g00000ZxCvBAAV"], to: "http://127.0.0.1:1/" }))
        .status,
    ).toBe(404);
  });
});
