import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it, test } from "vitest";
import * as z from "zod";
import { fieldNames, type FieldUse } from "../src/integrations/salesforce/fields.ts";
import { variables } from "../src/settings.ts";
import { all, type Element, parseXml, textOf, texts } from "./xml.ts";

const ROOT = path.join(import.meta.dirname, "../salesforce");
const MAIN = "force-app/main/default";
const API_VERSION = variables.shape.SALESFORCE_API_VERSION.parse(undefined);

/** No custom field can be called without `__c`: what an org that starts from the package has to say. */
const FRESH_ORG = {
  "Opportunity.CommodityType": "CommodityType__c",
  "Case.OpportunityId": "Opportunity__c",
  "Order.OpportunityId": "Opportunity__c",
};
const names = fieldNames(FRESH_ORG);
const uses = [...names.uses].flatMap(([object, fields]) => fields.map((use) => ({ ...use, object })));
const custom = uses.filter(({ field }) => field.endsWith("__c"));
const fullName = ({ object, field }: { object: string; field: string }) => `${object}.${field}`;

/** What the source documents list, and rules.md adds: for a fresh org, whatever of it the program knows. */
const DOCUMENTED: Readonly<Record<string, readonly string[]>> = {
  "Account.Internet_Eligibility_Status__c": ["Pending", "Checked"],
  "Account.Id_Verification_Status__c": ["Pending", "Submitted", "Verified", "Rejected"],
  "Opportunity.CommodityType__c": ["Personal SonixNet Home Internet", "Corporate SonixNet Home Internet", "SIM", "VPN"],
  "Opportunity.Application_Stage__c": ["INTRO-1", "UNRESPONSIVE-1"],
  "Opportunity.Opportunity_Source__c": ["Portal - Internet Eligibility Request", "Portal - Order Placement"],
  "Opportunity.CancellationNotice__c": ["有", "未", "不要", "移転"],
  "Opportunity.LineReturn__c": ["NotYet", "SentKit", "Returned", "不要"],
  "Opportunity.SIMCancellationNotice__c": ["有", "未", "不要"],
  "Product2.Billing_Cycle__c": [
    "Monthly",
    "Quarterly",
    "Semi-Annually",
    "Annually",
    "Biennially",
    "Triennially",
    "Onetime",
  ],
  "Product2.Item_Class__c": ["Service", "Activation", "Add-on"],
};

/** Each kind of file, by how its name ends, and its root element. */
const ROOTS: Readonly<Record<string, string>> = {
  ".field-meta.xml": "CustomField",
  ".object-meta.xml": "CustomObject",
  ".permissionset-meta.xml": "PermissionSet",
  ".flow-meta.xml": "Flow",
  ".workflow-meta.xml": "Workflow",
  ".eca-meta.xml": "ExternalClientApplication",
  ".ecaOauth-meta.xml": "ExtlClntAppOauthSettings",
  ".ecaGlblOauth-meta.xml": "ExtlClntAppGlobalOauthSettings",
  "/package.xml": "Package",
};

const files = readdirSync(ROOT, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".xml"));
const read = (file: string) => readFileSync(path.join(ROOT, file), "utf8");
const parsed = (file: string) => parseXml(read(file));
const fieldFiles = files.filter((file) => file.endsWith(".field-meta.xml"));
const nameOfFile = (file: string) => {
  const [, object = "", field = ""] = /objects\/(\w+)\/fields\/(\w+)\.field-meta\.xml$/.exec(file) ?? [];
  return `${object}.${field}`;
};

describe("the Salesforce package", () => {
  test.each(files)("%s is well-formed metadata of its kind", (file) => {
    const root = parsed(file);
    const kind = Object.keys(ROOTS).find((ending) => file.endsWith(ending)) ?? "";
    expect(root.name).toBe(ROOTS[kind]);
    expect(root.namespace).toBe("http://soap.sforce.com/2006/04/metadata");
  });

  it("speaks the API version that Handoff speaks", () => {
    const project = z.object({ sourceApiVersion: z.string() }).parse(JSON.parse(read("sfdx-project.json")));
    expect(project.sourceApiVersion).toBe(API_VERSION);
    expect(textOf(parsed("manifest/package.xml"), "version")).toBe(API_VERSION);
    const versions = files.flatMap((file) => all(parsed(file), "apiVersion").map(({ text }) => text));
    expect(new Set(versions)).toEqual(new Set([API_VERSION]));
  });

  it("has every custom field that Handoff uses, and no other", () => {
    expect(fieldFiles.map(nameOfFile).toSorted()).toEqual(custom.map(fullName).toSorted());
    for (const file of fieldFiles)
      expect(`${file} ${textOf(parsed(file), "fullName")}`).toBe(`${file} ${nameOfFile(file).split(".")[1] ?? ""}`);
  });

  it("has restricted picklists with the documents' values, among them all that Handoff writes or waits for", () => {
    const picklists = fieldFiles
      .map((file) => ({ name: nameOfFile(file), root: parsed(file) }))
      .filter(({ root }) => textOf(root, "type") === "Picklist");
    const values = ({ root }: { root: Element }) => all(root, "value").map((value) => textOf(value, "fullName"));
    expect(Object.fromEntries(picklists.map((picklist) => [picklist.name, values(picklist)]))).toEqual(DOCUMENTED);
    for (const { name, root } of picklists)
      expect(`${name} ${all(root, "restricted")[0]?.text ?? ""}`).toBe(`${name} true`);
    const used = custom.filter(({ values, mayLack }) => values.length + mayLack.length > 0);
    for (const use of used)
      expect(DOCUMENTED[fullName(use)]).toEqual(expect.arrayContaining([...use.values, ...use.mayLack]));
  });

  it("lists everything of force-app in its manifest", () => {
    const types = parsed("manifest/package.xml").children.filter(({ name }) => name === "types");
    const listed = Object.fromEntries(types.map((type) => [textOf(type, "name"), texts(type, "members")]));
    const stems = (folder: string, ending: string) =>
      readdirSync(path.join(ROOT, MAIN, folder))
        .map((file) => file.replace(ending, ""))
        .toSorted();
    expect(listed).toEqual({
      CustomField: custom.map(fullName).toSorted(),
      CustomObject: ["OrderProvisionRequested__e"],
      Flow: stems("flows", ".flow-meta.xml"),
      PermissionSet: stems("permissionsets", ".permissionset-meta.xml"),
      WorkflowOutboundMessage: ["Order.Handoff_Order_Approved"],
    });
  });
});

/**
 * Standard fields that a permission set can name. The others are always there for whoever may see the object (required
 * fields, `IsClosed`), or have no permission of their own, and naming one makes the deployment fail.
 */
const PERMISSIONABLE: ReadonlySet<string> = new Set([
  "Contact.AccountId",
  "Contact.Email",
  "Opportunity.AccountId",
  "Case.AccountId",
  "Case.Type",
  "Case.Subject",
  "Case.Description",
  "Order.Description",
]);
/** Objects that follow another's permissions: an Order's products its own, a price the product's and the price book's, a file its record's. */
const WITHOUT_PERMISSION: ReadonlySet<string> = new Set(["OrderItem", "PricebookEntry", "ContentVersion"]);

describe("the permission set", () => {
  const set = parsed(`${MAIN}/permissionsets/Handoff_Integration.permissionset-meta.xml`);
  const entries = (kind: string) => set.children.filter(({ name }) => name === kind);
  const does = (access: FieldUse["access"][number]) => (use: FieldUse) => use.access.includes(access);

  it("lets Handoff read and write the fields that it does, and no others", () => {
    // A platform event's fields have no permission of their own.
    const wanted = uses
      .filter((use) => PERMISSIONABLE.has(fullName(use)) || (use.field.endsWith("__c") && !use.object.endsWith("__e")))
      .map((use) => [
        fullName(use),
        { readable: "true", editable: String(does("create")(use) || does("update")(use)) },
      ]);
    const given = entries("fieldPermissions").map((entry) => [
      textOf(entry, "field"),
      { readable: textOf(entry, "readable"), editable: textOf(entry, "editable") },
    ]);
    expect(Object.fromEntries(given)).toEqual(Object.fromEntries(wanted));
  });

  it("lets Handoff do to the objects what it does, delete nothing, and see no record that sharing hides", () => {
    const wanted = [...names.uses]
      .filter(([object]) => !WITHOUT_PERMISSION.has(object))
      .map(([object, fields]) => [
        object,
        {
          allowRead: "true",
          allowCreate: String(fields.some(does("create"))),
          // Adding products to an Order takes Edit on the Order.
          allowEdit: String(fields.some(does("update")) || object === "Order"),
          allowDelete: "false",
          viewAllRecords: "false",
          modifyAllRecords: "false",
        },
      ]);
    const given = entries("objectPermissions").map((entry) => [
      textOf(entry, "object"),
      Object.fromEntries(
        entry.children.filter(({ name }) => name !== "object").map(({ name, text }) => [name, text.trim()]),
      ),
    ]);
    expect(Object.fromEntries(given)).toEqual(Object.fromEntries(wanted));
  });
});

describe("what announces an approved Order", () => {
  const flow = (name: string) => parsed(`${MAIN}/flows/${name}.flow-meta.xml`);
  const message = all(parsed(`${MAIN}/workflows/Order.workflow-meta.xml`), "outboundMessages")[0];

  test.each(["Handoff_Order_Approved_Message", "Handoff_Order_Approved_Event"])(
    "%s runs once an Order becomes Approved, and is not active before somebody activates it",
    (name) => {
      const root = flow(name);
      const start = root.children.find((child) => child.name === "start");
      if (start === undefined) throw new Error("the flow has no start");
      expect(textOf(root, "status")).toBe("Draft");
      expect(textOf(start, "object")).toBe("Order");
      expect(textOf(start, "triggerType")).toBe("RecordAfterSave");
      expect(textOf(start, "doesRequireRecordChangedToMeetCriteria")).toBe("true");
      expect(
        all(start, "filters").map((filter) => [textOf(filter, "field"), all(filter, "stringValue")[0]?.text]),
      ).toEqual([["Status", "Approved"]]);
      const [target = ""] = all(start, "targetReference").map(({ text }) => text);
      expect(root.children.some((element) => textOf(element, "name") === target)).toBe(true);
    },
  );

  it("sends the outbound message with Id and Status, without a session, to an address that the deployment fills in", () => {
    if (message === undefined) throw new Error("there is no outbound message");
    expect(texts(message, "fields")).toEqual(["Id", "Status"]);
    expect(textOf(message, "includeSessionId")).toBe("false");
    expect(textOf(flow("Handoff_Order_Approved_Message").children[0] ?? message, "actionName")).toBe(
      `Order.${textOf(message, "fullName")}`,
    );
    const { replacements } = z
      .object({ replacements: z.array(z.object({ filename: z.string(), stringToReplace: z.string() })) })
      .parse(JSON.parse(read("sfdx-project.json")));
    for (const { filename, stringToReplace } of replacements) expect(read(filename)).toContain(stringToReplace);
    expect(replacements.map(({ stringToReplace }) => stringToReplace)).toContain(textOf(message, "endpointUrl"));
  });

  it("publishes the event with the Order's id", () => {
    const [create] = all(flow("Handoff_Order_Approved_Event"), "recordCreates");
    if (create === undefined) throw new Error("the flow publishes nothing");
    expect(textOf(create, "object")).toBe("OrderProvisionRequested__e");
    expect(all(create, "field").map(({ text }) => text)).toEqual(["Order_Id__c"]);
    expect(all(create, "elementReference").map(({ text }) => text)).toEqual(["$Record.Id"]);
  });
});

it("no file of the package holds a consumer key or secret", () => {
  for (const file of files) expect(read(file)).not.toMatch(/consumerKey|consumerSecret>/);
});
