import { callbackify } from "node:util";
import axios from "axios";
import { Connection } from "jsforce";
import { createTransport } from "nodemailer";
import { describe, expect, it } from "vitest";
import { WHMCS, inside, runningSandbox } from "./running-sandbox.ts";

const { url, smtpUrl, control, state, made, seeded } = runningSandbox();

async function renew(session: Connection): Promise<string> {
  await session.authorize({ grant_type: "client_credentials" });
  return session.accessToken ?? "";
}

/** A connection as the vendor's own documentation makes one. */
async function signedIn(): Promise<Connection> {
  const connection = new Connection({
    version: "62.0",
    oauth2: { loginUrl: url(), clientId: "sandbox-client", clientSecret: "sandbox-secret" },
    refreshFn: callbackify(renew),
  });
  await connection.authorize({ grant_type: "client_credentials" });
  return connection;
}

describe("jsforce, unchanged", () => {
  it("signs in with client credentials and reads parents and children in one query", async () => {
    const connection = await signedIn();
    const found = await connection.query(
      `SELECT Id, Account.WH_Account__c, Opportunity.StageName,
              (SELECT Quantity, PricebookEntry.Product2.WH_Product_ID__c FROM OrderItems ORDER BY Id)
       FROM Order WHERE Id = '${await seeded("orders", "pendingHome")}'`,
    );
    expect(found.records).toMatchObject([
      {
        Account: { WH_Account__c: 1002 },
        Opportunity: { StageName: "Post Processing" },
        OrderItems: {
          totalSize: 3,
          done: true,
          records: [11, 13, 7].map((id) => ({ Quantity: 1, PricebookEntry: { Product2: { WH_Product_ID__c: id } } })),
        },
      },
    ]);
    expect(connection.limitInfo).toMatchObject({ apiUsage: { limit: 100_000 } });
  });

  it("makes, changes, reads, upserts and deletes a record", async () => {
    const connection = await signedIn();
    const cases = connection.sobject("Case");
    const made = await cases.create({ Subject: "引越し", AccountId: await seeded("accounts", "fresh") });
    const id = made.id ?? "";
    await cases.update({ Id: id, Status: "Closed" });
    expect(await cases.retrieve(id)).toMatchObject({ Id: id, Subject: "引越し", Status: "Closed", IsClosed: true });
    expect(await cases.upsert({ Job_Key__c: "k1", Subject: "one" }, "Job_Key__c")).toMatchObject({
      success: true,
      created: true,
    });
    expect(await cases.upsert({ Job_Key__c: "k1", Subject: "two" }, "Job_Key__c")).toMatchObject({
      success: true,
      created: false,
    });
    await cases.destroy(id);
    await expect(cases.retrieve(id)).rejects.toMatchObject({ errorCode: "ENTITY_IS_DELETED" });
  });

  it("describes the fields that the system writes", async () => {
    const connection = await signedIn();
    const { fields } = await connection.describe("Opportunity");
    const stage = fields.find(({ name }) => name === "StageName");
    expect(stage?.picklistValues).toContainEqual(expect.objectContaining({ value: "△Cancelling", active: true }));
    expect(fields.find(({ name }) => name === "IsClosed")).toMatchObject({ createable: false, updateable: false });
  });

  it("signs in again when the session has expired, and the write happens once", async () => {
    const connection = await signedIn();
    await control("POST", "expire-sessions");
    await connection.sobject("Case").create({ Subject: "after the expiry" });
    expect(await made("salesforce", "Case")).toMatchObject([{ Subject: "after the expiry" }]);
  });

  it("follows a long query from page to page", async () => {
    const connection = await signedIn();
    const rows = Array.from({ length: 200 }, (_, n) => ({ attributes: { type: "Case" }, Subject: `row ${String(n)}` }));
    for (let part = 0; part < 11; part++) await connection.requestPost("/composite/sobjects", { records: rows });
    const found = await connection.query("SELECT Id FROM Case", { autoFetch: true, maxFetch: 5000 });
    expect(found.records).toHaveLength(2202);
  });
});

describe("axios, unchanged", () => {
  it("takes an order from AddOrder to an active service that carries the Opportunity's id", async () => {
    const opportunityId = await seeded("opportunities", "pendingHome");
    const fields = Buffer.from(`a:1:{i:111;s:${String(opportunityId.length)}:"${opportunityId}";}`).toString("base64");
    const post = async (action: string, parameters: Record<string, string>): Promise<unknown> =>
      (
        await axios.post<unknown>(
          `${url()}/whmcs/includes/api.php`,
          new URLSearchParams({ ...WHMCS, action, ...parameters }),
        )
      ).data;
    const added = await post("AddOrder", {
      clientid: "1002",
      paymentmethod: "banktransfer",
      "pid[0]": "11",
      "customfields[0]": fields,
      noemail: "1",
    });
    expect(added).toMatchObject({
      result: "success",
      orderid: 5001,
      serviceids: "9001",
      productids: "9001",
      addonids: "",
    });
    expect(await post("GetOrders", { id: "5001" })).toMatchObject({
      totalresults: 1,
      orders: { order: [{ id: 5001, status: "Pending" }] },
    });
    expect(await post("AcceptOrder", { orderid: "5001" })).toEqual({ result: "success" });
    expect(await post("GetClientsProducts", { clientid: "1002" })).toMatchObject({
      totalresults: "1",
      products: {
        product: [
          {
            id: "9001",
            status: "Active",
            customfields: { customfield: [{ id: "111", name: "OpportunityId", value: opportunityId }] },
          },
        ],
      },
    });
  });
});

describe("nodemailer, unchanged", () => {
  it("delivers a mail that keeps its Message-ID and its Japanese subject", async () => {
    const transport = createTransport(smtpUrl());
    const subject = "ご解約のお手続きを承りました。最終日は二〇二六年十二月三十一日です";
    const sent = await transport.sendMail({
      from: "a@sonixnet.example",
      to: "b@customer.example",
      subject,
      text: "本文",
      messageId: "<one@handoff.example>",
    });
    transport.close();
    expect(sent.accepted).toEqual(["b@customer.example"]);
    const [mail] = [await state("mails", "0")];
    expect(mail).toMatchObject({
      from: "a@sonixnet.example",
      to: ["b@customer.example"],
      subject,
      messageId: "<one@handoff.example>",
    });
    expect(inside(mail, "raw")).toContain("Message-ID: <one@handoff.example>");
  });
});
