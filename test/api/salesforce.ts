import { to18 } from "../../src/domain/salesforce-id.ts";
import { ORG } from "./doors.ts";

/** Outbound messages as Salesforce sends them (`vendors/salesforce.md`, section 5). */

export const notificationId = (number: number) => to18(`04l5g0000${String(number).padStart(6, "0")}`);
export const orderIdOf = (number: number) => to18(`8015g0000${String(number).padStart(6, "0")}`);

/** One Order's notification; `status` null leaves the field out. */
export function notification(number: number, status: string | null = "Approved", order = orderIdOf(number)): string {
  return `<Notification><Id>${notificationId(number)}</Id>
<sObject xsi:type="sf:Order" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
<sf:Id>${order}</sf:Id><sf:AccountId>0015g00000HjKlMAAV</sf:AccountId>
<sf:EffectiveDate>2026-12-01</sf:EffectiveDate>
<sf:MNP__c>false</sf:MNP__c><sf:OrderNumber>00001234</sf:OrderNumber>
<sf:Note__c>渋谷 A&amp;B &lt;3F&gt; &#x30C6;</sf:Note__c>${status === null ? "" : `<sf:Status>${status}</sf:Status>`}
<sf:WHMCS_Product_ID__c>12.0</sf:WHMCS_Product_ID__c>
</sObject></Notification>`;
}

export function envelope(notifications: readonly string[], { org = `${ORG}EAK` } = {}): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<soapenv:Body><notifications xmlns="http://soap.sforce.com/2005/09/outbound">
<OrganizationId>${org}</OrganizationId>
<ActionId>04k5g000000TgZyAAK</ActionId>
<SessionId xsi:nil="true"/>
<EnterpriseUrl>https://x.my.salesforce.com/services/Soap/c/62.0/00D5g000004AbCd</EnterpriseUrl>
<PartnerUrl>https://x.my.salesforce.com/services/Soap/u/62.0/00D5g000004AbCd</PartnerUrl>
${notifications.join("\n")}
</notifications></soapenv:Body></soapenv:Envelope>`;
}
