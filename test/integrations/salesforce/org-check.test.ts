import { hash } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import * as z from "zod";
import { salesforceClient } from "../../../src/integrations/salesforce/client.ts";
import { fieldNames, type ObjectName } from "../../../src/integrations/salesforce/fields.ts";
import { checkOf, type ObjectDescription } from "../../../src/integrations/salesforce/org-check.ts";
import { accountId, orderId, productId } from "../../../src/domain/salesforce-id.ts";
import { Secret } from "../../../src/settings.ts";
import { CREDENTIALS, runningSandbox } from "../../sandbox/running-sandbox.ts";
import { callWithin, json, vendorThat } from "../vendor.ts";

type Field = ObjectDescription["fields"][number];

/** An object as an org describes it that has all that we need of it. */
function healthy(object: ObjectName): ObjectDescription {
  const uses = fieldNames({}).uses.get(object) ?? [];
  return {
    queryable: true,
    createable: true,
    updateable: true,
    fields: uses.map(({ field, values, mayLack }) => ({
      name: field,
      custom: field.endsWith("__c"),
      createable: true,
      updateable: true,
      nillable: true,
      defaultedOnCreate: false,
      restrictedPicklist: values.length > 0,
      picklistValues: [...values, ...mayLack].map((value) => ({ active: true, value })),
    })),
  };
}

const withField = (description: ObjectDescription, name: string, change: (field: Field) => Partial<Field>) => ({
  ...description,
  fields: description.fields.map((field) => (field.name === name ? { ...field, ...change(field) } : field)),
});
const without = (value: string) => (field: Field) => ({
  picklistValues: field.picklistValues.filter((one) => one.value !== value),
});
const required = (change: Partial<Field>): Field => ({
  name: "Branch__c",
  custom: true,
  createable: true,
  updateable: true,
  nillable: false,
  defaultedOnCreate: false,
  restrictedPicklist: false,
  picklistValues: [],
  ...change,
});

const opportunity = healthy("Opportunity");
const order = healthy("Order");

/** What an org lacks, and what its administrator reads: weight, subject and problem. */
const LACKS: readonly (readonly [string, ObjectName, ObjectDescription | null, readonly (readonly string[])[]])[] = [
  ["nothing", "Opportunity", opportunity, []],
  ["an object, or the right to see it", "Contact", null, [["missing", "Contact", "missing"]]],
  ["the right to create Orders", "Order", { ...order, createable: false }, [["missing", "Order", "not writable"]]],
  ["the right to query Cases", "Case", { ...healthy("Case"), queryable: false }, [["missing", "Case", "not readable"]]],
  [
    "the right to edit an object, which each of its fields then lacks too",
    "Account",
    {
      ...healthy("Account"),
      updateable: false,
      fields: healthy("Account").fields.map((field) => ({ ...field, updateable: false })),
    },
    [["missing", "Account", "not writable"]],
  ],
  [
    "a field",
    "Opportunity",
    { ...opportunity, fields: opportunity.fields.filter(({ name }) => name !== "LineReturn__c") },
    [["missing", "Opportunity.LineReturn__c", "missing"]],
  ],
  [
    "write access to a field that is set later",
    "Opportunity",
    withField(opportunity, "WHMCS_Service_ID__c", () => ({ updateable: false })),
    [["missing", "Opportunity.WHMCS_Service_ID__c", "not writable"]],
  ],
  [
    "write access to a field that is only read",
    "Opportunity",
    withField(opportunity, "IsClosed", () => ({ createable: false, updateable: false })),
    [],
  ],
  [
    "a value of a restricted picklist",
    "Opportunity",
    withField(opportunity, "StageName", without("△Cancelling")),
    [["missing", "Opportunity.StageName", "value missing: △Cancelling"]],
  ],
  [
    "a value that was made inactive",
    "Order",
    withField(order, "Status", ({ picklistValues }) => ({
      picklistValues: picklistValues.map((one) => ({ ...one, active: one.value !== "Approved" })),
    })),
    [["missing", "Order.Status", "value missing: Approved"]],
  ],
  [
    "a value of a picklist that takes others",
    "Opportunity",
    withField(opportunity, "LineReturn__c", (field) => ({ ...without("Returned")(field), restrictedPicklist: false })),
    [["doubtful", "Opportunity.LineReturn__c", "value missing: Returned"]],
  ],
  [
    "a value that it can do without",
    "Opportunity",
    withField(opportunity, "CommodityType", without("Corporate SonixNet Home Internet")),
    [["doubtful", "Opportunity.CommodityType", "value missing: Corporate SonixNet Home Internet"]],
  ],
  [
    "picklists, where texts take any value",
    "Opportunity",
    withField(opportunity, "CommodityType", () => ({ picklistValues: [], restrictedPicklist: false })),
    [],
  ],
  [
    "a default for a field that somebody made required",
    "Opportunity",
    { ...opportunity, fields: [...opportunity.fields, required({})] },
    [["missing", "Opportunity.Branch__c", "required, and not filled in"]],
  ],
  [
    "nothing, where a required field has a default",
    "Opportunity",
    { ...opportunity, fields: [...opportunity.fields, required({ defaultedOnCreate: true })] },
    [],
  ],
  [
    "a platform event that can be queried, which none can",
    "OrderProvisionRequested__e",
    { ...healthy("OrderProvisionRequested__e"), queryable: false },
    [],
  ],
];

test.each(LACKS)("an org that lacks %s is told so", (_lack, object, description, told) => {
  const { subject, findings } = checkOf(object, fieldNames({}).uses.get(object) ?? [], description);
  expect(subject).toBe(object);
  expect(findings.map((finding) => [finding.weight, finding.subject, finding.problem])).toEqual(told);
  for (const { remedy } of findings) expect(remedy).toMatch(/^[A-Z].*\.$/);
});

test("an org that calls a field otherwise is asked for that one", () => {
  const uses = fieldNames({ "Case.OpportunityId": "Deal__c" }).uses.get("Case") ?? [];
  const { findings } = checkOf("Case", uses, healthy("Case"));
  expect(findings).toEqual([
    expect.objectContaining({
      subject: "Case.Deal__c",
      problem: "missing",
      remedy: expect.stringContaining('SALESFORCE_FIELDS: {"Case.OpportunityId": "YOUR_FIELD"}'),
    }),
  ]);
});

test("a field that nobody has to have is asked for where the setting names it", () => {
  const uses = fieldNames({ "Opportunity.ReturnDeadline": "Return_By__c" }).uses.get("Opportunity") ?? [];
  const { findings } = checkOf("Opportunity", uses, healthy("Opportunity"));
  expect(findings.map(({ subject, problem }) => [subject, problem])).toEqual([["Opportunity.Return_By__c", "missing"]]);
});

const settingsFor = (url: string) => ({
  SALESFORCE_LOGIN_URL: url,
  SALESFORCE_CLIENT_ID: CREDENTIALS.client_id,
  SALESFORCE_CLIENT_SECRET: new Secret(CREDENTIALS.client_secret),
  SALESFORCE_USERNAME: undefined,
  SALESFORCE_PRIVATE_KEY: undefined,
  SALESFORCE_API_VERSION: "62.0",
  SALESFORCE_FIELDS: {},
});

describe("the client, asked to check an org", () => {
  const sandbox = runningSandbox();
  const salesforce = () => salesforceClient({ settings: settingsFor(sandbox.url()), call: callWithin(5_000) });
  const findingsOf = async (pricebookId: string | undefined, events = false) =>
    (await salesforce().checkOrg({ pricebookId, events })).flatMap(({ findings }) => findings);
  const pricebook = async () => String(await sandbox.state("seed", "pricebookId"));

  it("finds nothing missing where nothing is", async () => {
    expect(await findingsOf(await pricebook())).toEqual([]);
  });

  it("looks at each object, and at the price book", async () => {
    const id = await pricebook();
    const subjects = (await salesforce().checkOrg({ pricebookId: id, events: false })).map(({ subject }) => subject);
    expect(subjects).toEqual([
      "Account",
      "Contact",
      "Opportunity",
      "Case",
      "Order",
      "OrderItem",
      "Pricebook2",
      "PricebookEntry",
      "Product2",
      "ContentVersion",
      `price book ${id}`,
    ]);
  });

  it("misses a price book that is not there, and one that is not active", async () => {
    expect(await findingsOf("01s5g0000000999AAA")).toEqual([
      expect.objectContaining({ subject: "price book 01s5g0000000999AAA", problem: "missing" }),
    ]);
    const id = await pricebook();
    await sandbox.rest("PATCH", `sobjects/Pricebook2/${id}`, { IsActive: false });
    expect(await findingsOf(id)).toEqual([expect.objectContaining({ problem: "not active" })]);
  });

  it("misses what the user may not see, and what it may not write", async () => {
    await sandbox.control("PUT", "permissions", {
      "Opportunity.LineReturn__c": "hidden",
      "Case.OpportunityId": "read",
      "Product2.WH_Product_ID__c": "read",
    });
    expect((await findingsOf(await pricebook())).map(({ subject, problem }) => [subject, problem])).toEqual([
      ["Opportunity.LineReturn__c", "missing"],
      ["Case.OpportunityId", "not writable"],
    ]);
  });

  it("lets a user with these rights and no others do all that Handoff does", async () => {
    await sandbox.control("PUT", "permissions", await rightsOfTheTable());
    const seeded = async (group: string, name: string) => sandbox.seeded(group, name);
    const client = salesforce();
    expect(await findingsOf(await pricebook(), true)).toEqual([]);

    const account = accountId.parse(await seeded("accounts", "unasked"));
    const facts = await client.eligibility(account);
    const { opportunityId } = await client.requestEligibilityCheck({
      accountId: account,
      accountName: facts?.accountName ?? "",
      opportunityId: null,
      subject: "Internet Eligibility - 渋谷",
      description: "渋谷",
      requestedAt: new Date("2026-11-22T00:00:00Z"),
    });
    await client.markVerification({ accountId: account, autoApproved: true, submittedAt: new Date() });
    expect(await client.verification(account)).toMatchObject({ status: "Verified" });
    const content = Buffer.from("a residence card");
    const file = { accountId: account, title: "Residence card", path: "card.jpg", content: [content] };
    const contentVersionId = await client.uploadDocument(file);
    const md5 = hash("md5", content);
    expect(await client.documentsLike({ accountId: account, md5 })).toEqual([{ contentVersionId, path: "card.jpg" }]);

    const priced = { accountId: account, type: "VPN", pricebookId: await pricebook() } as const;
    const productIds = [productId.parse(await seeded("products", "vpn"))];
    const ordering = await client.orderingFacts({ ...priced, productIds, since: new Date(0) });
    await client.placeOrder({
      ...priced,
      accountName: "",
      opportunityId: null,
      items: (ordering?.products ?? []).map((product) => ({ ...product, quantity: 1 })),
      notes: "",
      requestedAt: new Date("2026-11-22T00:00:00Z"),
    });

    const order = orderId.parse(await seeded("orders", "approvedApartment"));
    expect(await client.orderForProvisioning(order)).toMatchObject({ status: "Approved" });
    await client.activate({ opportunityId, whmcsServiceId: 77 });
    expect(await client.opportunityLink(opportunityId)).toEqual({ stage: "Active", whmcsServiceId: 77 });
    expect((await client.approvedOrders(new Date(0))).map((one) => one.orderId)).toContain(order);
    expect(await client.dueCancellations(new Date("2100-01-01T00:00:00Z"))).not.toEqual([]);
    await client.linesThatCameBack();
    await client.lifecycleOpportunities(new Date(0));
    await client.lifecycleCases();
    await client.accountsBeingChecked(new Date(0));

    const question = {
      accountId: account,
      serviceId: 77,
      service: "Internet",
      subject: "Cancellation Request",
    } as const;
    expect(await client.cancellation(question)).toMatchObject({ opportunity: { opportunityId, stage: "Active" } });
    const { caseId } = await client.requestCancellation({
      ...question,
      opportunityId,
      description: "WHMCS service 77",
      endsAt: new Date("2026-12-31T14:59:59Z"),
    });
    expect(await client.accountStatus(account)).toMatchObject({ leaving: [{ serviceId: 77, stage: "△Cancelling" }] });
    const caseIds = await client.openCancellationCases(opportunityId);
    expect(caseIds).toEqual([caseId]);
    await client.closeCancellation({ opportunityId, caseIds });
    expect(await client.dueCancellation(opportunityId)).toMatchObject({ stage: "△Cancelled" });
  });

  /** Every field of the org with the access that our table names; those that it does not name are hidden. */
  async function rightsOfTheTable(): Promise<Record<string, "edit" | "read" | "hidden">> {
    const described = z.object({ fields: z.array(z.object({ name: z.string() })) });
    const always = new Set(["Id", "CreatedDate", "LastModifiedDate", "IsDeleted", "SystemModstamp"]);
    const rights: Record<string, "edit" | "read" | "hidden"> = {};
    for (const [object, uses] of fieldNames({}).uses) {
      const { fields } = described.parse((await sandbox.rest("GET", `sobjects/${object}/describe`)).body);
      for (const { name } of fields.filter((field) => !always.has(field.name))) {
        const access = uses.find(({ field }) => field === name)?.access;
        const writes = access?.some((one) => one !== "read") ?? false;
        rights[`${object}.${name}`] = access === undefined ? "hidden" : writes ? "edit" : "read";
      }
    }
    return rights;
  }

  it("lists what the portal sells, and nothing that is not active", async () => {
    const products = await salesforce().portalProducts(await pricebook());
    expect(products).toContainEqual({
      name: "SonixNet Home 1G",
      whmcsProductId: 11,
      billingCycle: "Monthly",
      itemClass: "Service",
    });
    expect(products.map(({ name }) => name)).not.toContain("SonixNet ADSL");
  });

  it("writes nothing", async () => {
    const before = await sandbox.state("salesforce");
    await findingsOf(await pricebook(), true);
    expect(await sandbox.state("salesforce")).toEqual(before);
  });

  it("looks at the platform event only where events are followed", async () => {
    const described = (object: string) => ({
      referenceId: object,
      httpStatusCode: 404,
      body: [{ errorCode: "NOT_FOUND", message: "" }],
    });
    const vendor = await vendorThat(({ path, body }, response) => {
      if (path.includes("/oauth2/token"))
        json(response, 200, { access_token: "t", instance_url: vendor.url, id: "i", token_type: "Bearer" });
      else {
        const asked = [...body.matchAll(/"referenceId":"(\w+)"/g)].map(([, name = ""]) => name);
        json(response, 200, { compositeResponse: asked.map(described) });
      }
    });
    const client = salesforceClient({ settings: settingsFor(vendor.url), call: callWithin(5_000) });
    const subjects = async (events: boolean) =>
      (await client.checkOrg({ pricebookId: undefined, events })).map(({ subject }) => subject);
    expect(await subjects(false)).not.toContain("OrderProvisionRequested__e");
    expect(await subjects(true)).toContain("OrderProvisionRequested__e");
  });

  it("says that it could not look where Salesforce refuses a part for another reason", async () => {
    const vendor = await vendorThat(({ path }, response) => {
      if (path.includes("/oauth2/token"))
        json(response, 200, { access_token: "t", instance_url: vendor.url, id: "i", token_type: "Bearer" });
      else
        json(response, 200, {
          compositeResponse: [
            {
              referenceId: "Account",
              httpStatusCode: 403,
              body: [{ errorCode: "REQUEST_LIMIT_EXCEEDED", message: "TotalRequests Limit exceeded." }],
            },
          ],
        });
    });
    const client = salesforceClient({ settings: settingsFor(vendor.url), call: callWithin(5_000) });
    await expect(client.checkOrg({ pricebookId: undefined, events: false })).rejects.toMatchObject({
      code: "salesforce-limit",
    });
  });
});
