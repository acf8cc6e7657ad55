import type { Connection } from "jsforce";
import * as z from "zod";
import type { Check, Finding } from "../../domain/check.ts";
import { at, everyRow, onlyRow, text, whmcsId } from "./answers.ts";
import type { Ask } from "./asking.ts";
import type { Salesforce } from "./client.ts";
import { salesforceError } from "./errors.ts";
import { type Access, type FieldNames, type FieldUse, type ObjectName, PROVISION_EVENT } from "./fields.ts";
import { name, soql } from "./soql.ts";
import { errorsIn } from "./transport.ts";

const fieldDescription = z.object({
  name: z.string(),
  custom: z.boolean(),
  createable: z.boolean(),
  updateable: z.boolean(),
  nillable: z.boolean(),
  defaultedOnCreate: z.boolean(),
  restrictedPicklist: z.boolean(),
  picklistValues: z.array(z.object({ active: z.boolean(), value: z.string() })),
});
type FieldDescription = z.infer<typeof fieldDescription>;

const objectDescription = z.object({
  queryable: z.boolean(),
  createable: z.boolean(),
  updateable: z.boolean(),
  fields: z.array(fieldDescription),
});
/** What a describe call tells of an object, as the integration user sees it. */
export type ObjectDescription = z.infer<typeof objectDescription>;

/** Descriptions of large orgs have hundreds of kilobytes an object, and an answer may have ten megabytes. */
const OBJECTS_A_CALL = 4;

export function orgCheckVerbs(ask: Ask, fields: FieldNames): Pick<Salesforce, "checkOrg" | "portalProducts"> {
  const product = (field: string) => ["Product2", field] as const;
  const productName = product(fields.of("Product2.Name"));
  const productId = product(fields.of("Product2.WH_Product_ID__c"));
  const cycle = product(fields.of("Product2.Billing_Cycle__c"));
  const itemClass = product(fields.of("Product2.Item_Class__c"));
  const path = (steps: readonly string[]) => name(steps.join("."));

  /** The objects' descriptions; null for one that is not there, or not for this user. */
  const described = (objects: readonly ObjectName[]) =>
    ask({ operation: "describe", asked: "read" }, (salesforce) => describe(salesforce, objects));

  const pricebookCheck = async (pricebookId: string): Promise<Check> => {
    const subject = `price book ${pricebookId}`;
    const isActive = await ask({ operation: "pricebook", asked: "read", object: "Pricebook2" }, async (salesforce) => {
      const active = fields.of("Pricebook2.IsActive");
      const row = await onlyRow(salesforce, soql`SELECT Id, ${name(active)} FROM Pricebook2 WHERE Id = ${pricebookId}`);
      return row === null ? null : at(row, [active], z.boolean());
    });
    if (isActive === true) return { subject, findings: [] };
    const problem = isActive === null ? "missing" : "not active";
    const remedy =
      isActive === null
        ? "Set PORTAL_PRICEBOOK_ID to the id of the portal's price book, and let the user see it."
        : "Activate it, or set PORTAL_PRICEBOOK_ID to the one that the portal uses now.";
    return { subject, findings: [{ weight: "missing", subject, problem, remedy }] };
  };

  return {
    async checkOrg({ pricebookId, events }) {
      const objects = [...fields.uses.keys()].filter((object) => events || object !== PROVISION_EVENT);
      const checks: Check[] = [];
      for (let from = 0; from < objects.length; from += OBJECTS_A_CALL) {
        const some = objects.slice(from, from + OBJECTS_A_CALL);
        const descriptions = await described(some);
        checks.push(...some.map((object) => checkOf(object, fields.uses.get(object) ?? [], descriptions.get(object))));
      }
      const mayReadPricebooks = checks.some(
        ({ subject, findings }) => subject === "Pricebook2" && findings.length === 0,
      );
      if (pricebookId === undefined) checks.push(NO_PRICEBOOK);
      else if (mayReadPricebooks) checks.push(await pricebookCheck(pricebookId));
      return checks;
    },

    portalProducts(pricebookId) {
      return ask({ operation: "portalProducts", asked: "read", object: "PricebookEntry" }, async (salesforce) => {
        const rows = await everyRow(
          salesforce,
          soql`SELECT Id, ${path(productName)}, ${path(productId)}, ${path(cycle)}, ${path(itemClass)} FROM PricebookEntry WHERE ${name(fields.of("PricebookEntry.Pricebook2Id"))} = ${pricebookId} AND ${name(fields.of("PricebookEntry.IsActive"))} = true AND ${path(product(fields.of("Product2.IsActive")))} = true ORDER BY Id`,
        );
        return rows.map((row) => ({
          name: at(row, productName, z.string()),
          whmcsProductId: at(row, productId, whmcsId),
          billingCycle: at(row, cycle, text),
          itemClass: at(row, itemClass, text),
        }));
      });
    },
  };
}

const NO_PRICEBOOK: Check = {
  subject: "PORTAL_PRICEBOOK_ID",
  findings: [
    {
      weight: "doubtful",
      subject: "PORTAL_PRICEBOOK_ID",
      problem: "not set",
      remedy: "Set it to the id of the portal's price book: without it no product can be looked at, and none ordered.",
    },
  ],
};

const describeAnswers = z.object({
  compositeResponse: z.array(z.object({ referenceId: z.string(), httpStatusCode: z.number(), body: z.unknown() })),
});

/** One call for all of `objects`: the parts of a composite call are free. */
async function describe(
  salesforce: Connection,
  objects: readonly ObjectName[],
): Promise<ReadonlyMap<string, ObjectDescription | null>> {
  const answer = await salesforce.requestPost<unknown>("/composite", {
    allOrNone: false,
    compositeRequest: objects.map((object) => ({
      method: "GET",
      url: `/services/data/v${salesforce.version}/sobjects/${object}/describe`,
      referenceId: object,
    })),
  });
  return new Map(
    describeAnswers.parse(answer).compositeResponse.map(({ referenceId, httpStatusCode: status, body }) => {
      if (status < 300) return [referenceId, objectDescription.parse(body)];
      const errors = errorsIn(body) ?? [];
      // So Salesforce says it of an object that this user may not see, too.
      if (status === 404 || errors.some(({ errorCode }) => errorCode === "INVALID_TYPE")) return [referenceId, null];
      throw salesforceError({ asked: "read", object: referenceId, trouble: { kind: "refused", status, errors } });
    }),
  );
}

/** What `object` lacks of what we need, for its administrator. `description`: null or absent where there is no such object for us. */
export function checkOf(
  object: ObjectName,
  uses: readonly FieldUse[],
  description: ObjectDescription | null | undefined,
): Check {
  if (description === null || description === undefined)
    return { subject: object, findings: [finding(object, "missing", noObject(object))] };
  const needed = new Set(uses.flatMap(({ access }) => access));
  const allowed: Record<Access, boolean> = {
    // A platform event is subscribed to, never queried: that it can be described means that it may be read.
    read: description.queryable || object === PROVISION_EVENT,
    create: description.createable,
    update: description.updateable,
  };
  const denied = [...needed].filter((access) => !allowed[access]);
  const fieldsByName = new Map(description.fields.map((field) => [field.name.toLowerCase(), field]));
  return {
    subject: object,
    findings: [
      ...denied.map((access) =>
        finding(
          object,
          access === "read" ? "not readable" : "not writable",
          `Give the integration user's permission set ${PERMISSION[access]} on ${object}.`,
        ),
      ),
      ...uses.flatMap((use) => fieldFindings(object, use, fieldsByName.get(use.field.toLowerCase()), denied)),
      ...(needed.has("create") ? requiredBesides(object, uses, description.fields) : []),
    ],
  };
}

const PERMISSION: Record<Access, string> = { read: "Read", create: "Create", update: "Edit" };

function noObject(object: string): string {
  return object.endsWith("__e")
    ? `Create the platform event (salesforce/ has it) and give the integration user's permission set Read on it, or set SALESFORCE_EVENTS=off.`
    : `Give the integration user's permission set access to ${object}.`;
}

function fieldFindings(
  object: ObjectName,
  use: FieldUse,
  described: FieldDescription | undefined,
  denied: readonly Access[],
): Finding[] {
  const subject = `${object}.${use.field}`;
  if (described === undefined) {
    return [
      finding(
        subject,
        "missing",
        `Create the field, or give the integration user's permission set access to it; if yours has another name, say so in SALESFORCE_FIELDS: {"${use.logical}": "YOUR_FIELD"}.`,
      ),
    ];
  }
  const writes = { create: described.createable, update: described.updateable };
  const refused = (["create", "update"] as const).filter(
    (access) => use.access.includes(access) && !writes[access] && !denied.includes(access),
  );
  return [
    ...(refused.length === 0
      ? []
      : [
          finding(
            subject,
            "not writable",
            `Handoff sets it in ${refused.map((access) => RECORDS[access]).join(" and ")}: give the integration user's permission set edit access to the field, and let it be no formula.`,
          ),
        ]),
    ...valueFindings(subject, use, described),
  ];
}

const RECORDS = { create: "new records", update: "existing records" };

function valueFindings(subject: string, use: FieldUse, { picklistValues, restrictedPicklist }: FieldDescription) {
  if (picklistValues.length === 0) return []; // a text field takes any value
  const has = new Set(picklistValues.filter(({ active }) => active).map(({ value }) => value));
  const lacking = (values: readonly string[]) => values.filter((value) => !has.has(value));
  const told = (weight: Finding["weight"], values: readonly string[], remedy: string): Finding[] =>
    values.length === 0 ? [] : [{ weight, subject, problem: `value missing: ${values.join(", ")}`, remedy }];
  return [
    ...(restrictedPicklist
      ? told(
          "missing",
          lacking(use.values),
          "Add it to the picklist, spelt exactly so, and to the record types in use.",
        )
      : told(
          "doubtful",
          lacking(use.values),
          "The picklist takes other values too, so work goes on; add it to the picklist, so that people can choose it.",
        )),
    ...told("doubtful", lacking(use.mayLack), "Look whether yours is spelt otherwise; work goes on without it."),
  ];
}

/** Fields that somebody made required and that we do not fill in: every new record would be refused. */
function requiredBesides(
  object: ObjectName,
  uses: readonly FieldUse[],
  described: readonly FieldDescription[],
): Finding[] {
  const filledIn = new Set(
    uses.filter(({ access }) => access.includes("create")).map(({ field }) => field.toLowerCase()),
  );
  return described
    .filter(
      ({ custom, createable, nillable, defaultedOnCreate }) => custom && createable && !nillable && !defaultedOnCreate,
    )
    .filter(({ name }) => !filledIn.has(name.toLowerCase()))
    .map(({ name }) =>
      finding(
        `${object}.${name}`,
        "required, and not filled in",
        "Make the field optional, or give it a default value: Handoff does not know what to put into it.",
      ),
    );
}

function finding(subject: string, problem: string, remedy: string): Finding {
  return { weight: "missing", subject, problem, remedy };
}
