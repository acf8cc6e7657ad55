import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import * as z from "zod";
import { at, contentVersionIdAnswer, created, everyRow, onlyRow, text } from "./answers.ts";
import type { Ask } from "./asking.ts";
import type { Salesforce } from "./client.ts";
import type { FieldNames } from "./fields.ts";
import { name, names, soql } from "./soql.ts";

export function verificationVerbs(
  ask: Ask,
  fields: FieldNames,
): Pick<Salesforce, "verification" | "documentsLike" | "uploadDocument" | "markVerification"> {
  const status = fields.of("Account.Id_Verification_Status__c");
  const submittedAt = fields.of("Account.Id_Verification_Submitted_Date_Time__c");
  const verifiedAt = fields.of("Account.Id_Verification_Verified_Date_Time__c");
  const rejection = fields.of("Account.Id_Verification_Rejection_Message__c");
  const path = fields.of("ContentVersion.PathOnClient");

  return {
    verification(accountId) {
      return ask({ operation: "verification", asked: "read", object: "Account" }, async (salesforce) => {
        const row = await onlyRow(
          salesforce,
          soql`SELECT ${names(["Id", status, submittedAt])} FROM Account WHERE Id = ${accountId}`,
        );
        if (row === null) return null;
        return { status: at(row, [status], text), submittedAt: at(row, [submittedAt], text) };
      });
    },

    documentsLike({ accountId, md5 }) {
      return ask({ operation: "documentsLike", asked: "read", object: "ContentVersion" }, async (salesforce) => {
        const rows = await everyRow(
          salesforce,
          soql`SELECT ${names(["Id", path])} FROM ContentVersion WHERE ${name(fields.of("ContentVersion.FirstPublishLocationId"))} = ${accountId} AND ${name(fields.of("ContentVersion.Checksum"))} = ${md5} AND ${name(fields.of("ContentVersion.IsLatest"))} = true ORDER BY CreatedDate DESC, Id DESC`,
        );
        return rows.map((row) => ({
          contentVersionId: at(row, ["Id"], contentVersionIdAnswer),
          path: at(row, [path], text) ?? "",
        }));
      });
    },

    uploadDocument({ accountId, title, path: pathOnClient, content }) {
      return ask({ operation: "uploadDocument", asked: "write", object: "ContentVersion" }, async (salesforce) => {
        const record = {
          [fields.of("ContentVersion.Title")]: title,
          [path]: pathOnClient,
          [fields.of("ContentVersion.FirstPublishLocationId")]: accountId,
        };
        const boundary = randomUUID();
        const answer: unknown = await salesforce.request({
          method: "POST",
          url: "/sobjects/ContentVersion",
          headers: { "content-type": `multipart/form-data; boundary=${boundary}` },
          body: Readable.from(inParts(boundary, record, pathOnClient, content)),
        });
        return contentVersionIdAnswer.parse(created.parse(answer).id);
      });
    },

    markVerification({ accountId, autoApproved, submittedAt: moment }) {
      return ask({ operation: "markVerification", asked: "write", object: "Account" }, async (salesforce) => {
        const answer: unknown = await salesforce.sobject("Account").update({
          Id: accountId,
          [status]: autoApproved ? "Verified" : "Submitted",
          [submittedAt]: moment.toISOString(),
          [rejection]: null,
          ...(autoApproved && { [verifiedAt]: moment.toISOString() }),
        });
        z.object({ success: z.literal(true) }).parse(answer);
      });
    },
  };
}

/** A file's two parts, as Salesforce documents them: what is said of it, then its bytes as they are, never in base64. */
function* inParts(
  boundary: string,
  record: Readonly<Record<string, string>>,
  fileName: string,
  content: readonly Buffer[],
): Generator<Buffer> {
  yield Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="entity_content"\r\nContent-Type: application/json\r\n\r\n${JSON.stringify(record)}\r\n` +
      `--${boundary}\r\nContent-Disposition: form-data; name="VersionData"; filename="${fileName}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
  );
  yield* content;
  yield Buffer.from(`\r\n--${boundary}--\r\n`);
}
