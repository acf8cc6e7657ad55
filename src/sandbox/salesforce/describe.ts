import type { Field, ObjectType } from "./schema.ts";
import { childrenOf, objectTypes, targetsOf } from "./schema.ts";

/** The org's schema as the describe calls tell it. */

const isCustom = (name: string) => name.endsWith("__c");

function fieldDescription(field: Field) {
  const calculated = field.derive !== undefined;
  const editable = field.readOnly !== true;
  const isText = field.length !== undefined;
  return {
    name: field.name,
    label: field.name.replace(/__c$/, "").replaceAll("_", " "),
    type: field.type,
    length: isText ? field.length : 0,
    precision: field.digits === undefined ? 0 : field.digits[0] + field.digits[1],
    scale: field.digits?.[1] ?? 0,
    custom: isCustom(field.name),
    calculated,
    autoNumber: field.autoNumber !== undefined,
    createable: editable,
    updateable: editable && field.createOnly !== true,
    nillable: field.required !== true && field.type !== "boolean" && field.type !== "id",
    defaultedOnCreate: field.default !== undefined || !editable,
    unique: field.unique === true,
    externalId: field.externalId === true,
    idLookup: field.externalId === true || field.type === "id",
    filterable: !(field.type === "textarea" && (field.length ?? 0) > 255),
    sortable: field.type !== "textarea",
    restrictedPicklist: field.values !== undefined,
    picklistValues: (field.values ?? []).map((value) => ({
      active: true,
      defaultValue: value === field.default,
      label: value,
      validFor: null,
      value,
    })),
    referenceTo: targetsOf(field),
    relationshipName: field.relationship ?? null,
  };
}

/** One object in the list of objects, and the head of its own description. */
export function objectSummary(type: ObjectType, version: string) {
  const url = `/services/data/v${version}/sobjects/${type.name}`;
  return {
    name: type.name,
    label: type.label,
    labelPlural: `${type.label}s`,
    keyPrefix: type.keyPrefix,
    custom: isCustom(type.name),
    createable: !type.isMadeBySystem,
    updateable: true,
    deletable: true,
    queryable: true,
    urls: { sobject: url, describe: `${url}/describe`, rowTemplate: `${url}/{ID}` },
  };
}

export function objectDescription(type: ObjectType, version: string) {
  return {
    ...objectSummary(type, version),
    fields: type.fields.map(fieldDescription),
    childRelationships: childrenOf(type).map(({ name, child, field }) => ({
      childSObject: child.name,
      field: field.name,
      relationshipName: name,
      cascadeDelete: false,
    })),
    recordTypeInfos: [],
  };
}

export const everyObject = (version: string) => ({
  encoding: "UTF-8",
  maxBatchSize: 200,
  sobjects: objectTypes.map((type) => objectSummary(type, version)),
});
