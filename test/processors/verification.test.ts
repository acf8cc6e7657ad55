import { createHash } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { verification } from "../../src/processors/verification.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { type Fields, type Line, openLine } from "./line.ts";

let redis: TestRedis;
let line: Line;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  line = await openLine({ redis });
  line.engine.work();
});
afterEach(() => line.close());

const CARD = Buffer.from("%PDF-1.7 a residence card");
const ANOTHER_CARD = Buffer.from("%PDF-1.7 another photograph of it");

async function accountNamed(name: string): Promise<Fields & { readonly Id: string }> {
  const { seed, salesforce } = await line.state();
  const account = salesforce.Account.find(({ Id }) => Id === seed.accounts[name]);
  if (account === undefined) throw new Error(`no account ${name}`);
  return account as Fields & { readonly Id: string }; // every record has an id
}

/** Hands a document in, as the door does, and gives how its job ended. */
async function submit(name: string, content: Buffer, autoApproved = false) {
  const { Id: accountId } = await accountNamed(name);
  const put = await line.documents.put(
    (async function* () {
      yield content;
    })(),
  );
  const document = { ...put, extension: "pdf" };
  const job = await line.carry(verification, { accountId, autoApproved, document });
  const isKept = await line.documents.open(document.id).then(
    () => true,
    () => false,
  );
  return { job, isKept, document };
}

const files = async () => (await line.state()).salesforce.ContentVersion;

describe("a residence card", () => {
  it("is published on the account for Customer Service to review, and then erased here", async () => {
    const { job, isKept } = await submit("unasked", CARD);
    const account = await accountNamed("unasked");
    const [file] = await files();
    expect(job).toMatchObject({ outcome: "done", result: { contentVersionId: file?.["Id"] } });
    expect(file).toMatchObject({
      FirstPublishLocationId: account.Id,
      Checksum: createHash("md5").update(CARD).digest("hex"),
      FileExtension: "pdf",
    });
    expect(account).toMatchObject({
      Id_Verification_Status__c: "Submitted",
      Id_Verification_Verified_Date_Time__c: null,
    });
    expect(new Date(String(account["Id_Verification_Submitted_Date_Time__c"]))).toEqual(new Date(job.createdAt));
    expect(isKept).toBe(false);
  });

  it("takes three calls to Salesforce", async () => {
    await submit("unasked", CARD);
    const calls = (await line.calls()).filter(({ operation }) => operation !== "token");
    expect(calls.map(({ operation }) => operation)).toEqual(["query", "create", "update"]);
  });

  it("that the portal has approved is uploaded all the same, and the identity is verified at once", async () => {
    await submit("unasked", CARD, true);
    expect(await files()).toHaveLength(1);
    const account = await accountNamed("unasked");
    expect(account["Id_Verification_Status__c"]).toBe("Verified");
    expect(account["Id_Verification_Verified_Date_Time__c"]).toBe(account["Id_Verification_Submitted_Date_Time__c"]);
  });

  it("of somebody who is verified already is not uploaded", async () => {
    const { job, isKept } = await submit("verified", CARD);
    expect(job).toMatchObject({ outcome: "already-verified", result: {} });
    expect(await files()).toEqual([]);
    expect(isKept).toBe(false);
  });

  it("that is under review already makes nothing new", async () => {
    const first = await submit("unasked", CARD);
    const before = await accountNamed("unasked");
    const second = await submit("unasked", CARD);
    expect(second.job).toMatchObject({ outcome: "done", result: first.job.result });
    expect(await files()).toHaveLength(1);
    expect(await accountNamed("unasked")).toEqual(before);
    expect(second.isKept).toBe(false);
  });

  it("that is under review already is verified where the portal approves it now", async () => {
    await submit("unasked", CARD);
    await submit("unasked", CARD, true);
    expect(await files()).toHaveLength(1);
    expect((await accountNamed("unasked"))["Id_Verification_Status__c"]).toBe("Verified");
  });

  it("which is another one than that under review is uploaded, and the date is the new one", async () => {
    await submit("submitted", CARD);
    const before = await accountNamed("submitted");
    await submit("submitted", ANOTHER_CARD);
    expect(await files()).toHaveLength(2);
    const after = await accountNamed("submitted");
    expect(after["Id_Verification_Status__c"]).toBe("Submitted");
    expect(
      String(after["Id_Verification_Submitted_Date_Time__c"]) >=
        String(before["Id_Verification_Submitted_Date_Time__c"]),
    ).toBe(true);
  });

  it("after a rejection is submitted again, and what was said then is cleared", async () => {
    await submit("rejected", CARD);
    expect(await accountNamed("rejected")).toMatchObject({
      Id_Verification_Status__c: "Submitted",
      Id_Verification_Rejection_Message__c: null,
    });
  });

  it("which was rejected is uploaded again where the customer sends it again, however soon", async () => {
    await submit("unasked", CARD);
    const { Id } = await accountNamed("unasked");
    await line.edit("Account", Id, { Id_Verification_Status__c: "Rejected" });
    await submit("unasked", CARD);
    expect(await files()).toHaveLength(2);
    expect(await accountNamed("unasked")).toMatchObject({ Id_Verification_Status__c: "Submitted" });
  });

  it("of an account that Salesforce does not have is rejected", async () => {
    const document = { id: "0".repeat(32), bytes: 1, sha256: "0".repeat(64), md5: "0".repeat(32), extension: "pdf" };
    const job = await line.carry(verification, { accountId: "0015g00000ZZZZZAAV", autoApproved: false, document });
    expect(job).toMatchObject({ outcome: "rejected", failure: { code: "unknown-account" } });
  });
});

describe("a document whose job failed", () => {
  it("stays until an operator retries the job", async () => {
    await line.fault({
      vendor: "salesforce",
      operation: "update",
      mode: "error",
      code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    });
    const { job, isKept } = await submit("unasked", CARD);
    expect(job.state).toBe("failed");
    expect(isKept).toBe(true);
    expect(await line.retry(job)).toMatchObject({ state: "completed", outcome: "done" });
    expect(await files()).toHaveLength(1);
  });

  it("that was erased after 30 days says what to do", async () => {
    await line.fault({
      vendor: "salesforce",
      operation: "create",
      mode: "error",
      code: "FIELD_CUSTOM_VALIDATION_EXCEPTION",
    });
    const { job, document } = await submit("unasked", CARD);
    await line.documents.erase(document.id);
    expect(await line.retry(job)).toMatchObject({ state: "failed", failure: { code: "document-missing" } });
  });
});

describe("an upload whose answer was lost", () => {
  it.for(["hang-after", "drop-after", "late"])("(%s) is found again by its checksum", async (mode) => {
    await line.fault({ vendor: "salesforce", operation: "create", mode, delayMs: 700 });
    const { job } = await submit("unasked", CARD);
    expect(job.state).toBe("completed");
    expect(await files()).toHaveLength(1);
  });

  it("is found again after a rejection, too, and not taken for what was rejected", async () => {
    await submit("unasked", CARD);
    const { Id } = await accountNamed("unasked");
    await line.edit("Account", Id, { Id_Verification_Status__c: "Rejected" });
    await line.fault({ vendor: "salesforce", operation: "create", mode: "hang-after" });
    await submit("unasked", CARD);
    expect(await files()).toHaveLength(2);
  });
});
