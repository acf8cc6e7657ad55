import type { Billing, Client, Product } from "./whmcs/billing.ts";
import { billing } from "./whmcs/billing.ts";
import type { Lines } from "./freebit/lines.ts";
import { lines } from "./freebit/lines.ts";
import type { Records } from "./salesforce/records.ts";
import { knownObject } from "./salesforce/records.ts";
import { SERVICES, endOfNextMonth, monthInJapan, seedServices } from "./seed-services.ts";
import { dateTimeText } from "./salesforce/values.ts";

/**
 * A small company to play with: the same records with the same ids after every start. Salesforce's part goes through
 * the same checks as any other write.
 */

/** What tests and people look records up by; every value is an id, or a SIM's number. */
export interface Seed {
  readonly pricebookId: string;
  readonly accounts: Readonly<Record<string, string>>;
  readonly opportunities: Readonly<Record<string, string>>;
  readonly orders: Readonly<Record<string, string>>;
  readonly products: Readonly<Record<string, string>>;
  /** WHMCS's ids of services that are active already; their Opportunities have the same names. */
  readonly services: Readonly<Record<string, string>>;
  readonly sims: Readonly<Record<string, string>>;
}

const OPPORTUNITY_FIELD = "OpportunityId";
/** One that customers fill in, which GetProducts shows. */
const INSTALLATION_DAY = "工事希望日";
const INTERNET = "Personal SonixNet Home Internet";
const DAY_MS = 24 * 60 * 60 * 1000;

interface Person {
  readonly last: string;
  readonly first: string;
  /** Absent: the Account has no WHMCS client. */
  readonly client?: number;
  readonly clientStatus?: Client["status"];
  readonly fields?: (at: string) => Readonly<Record<string, unknown>>;
}

const eligible = (value: string) => (at: string) => ({
  Internet_Eligibility__c: value,
  Internet_Eligibility_Status__c: "Checked",
  Internet_Eligibility_Request_Date_Time__c: at,
  Internet_Eligibility_Checked_Date_Time__c: at,
});
const verified = (at: string) => ({
  Id_Verification_Status__c: "Verified",
  Id_Verification_Submitted_Date_Time__c: at,
  Id_Verification_Verified_Date_Time__c: at,
});

/** Customers, each in another situation. New ones go to the end, so that the others keep their ids. */
const PEOPLE: Readonly<Record<string, Person>> = {
  unasked: { last: "佐藤", first: "花子", client: 1001 },
  homeEligible: { last: "鈴木", first: "一郎", client: 1002, fields: eligible("Home 1G") },
  apartmentEligible: { last: "高橋", first: "美咲", client: 1003, fields: eligible("Apartment 1G") },
  checking: {
    last: "田中",
    first: "健太",
    client: 1004,
    fields: (at) => ({ Internet_Eligibility_Status__c: "Pending", Internet_Eligibility_Request_Date_Time__c: at }),
  },
  notEligible: { last: "伊藤", first: "陽子", client: 1005, fields: eligible("Not Eligible") },
  verified: { last: "渡辺", first: "大輔", client: 1006, fields: verified },
  rejected: {
    last: "山本",
    first: "さくら",
    client: 1007,
    fields: (at) => ({
      Id_Verification_Status__c: "Rejected",
      Id_Verification_Submitted_Date_Time__c: at,
      Id_Verification_Rejection_Message__c: "住所が読み取れません。もう一度撮影してください。",
    }),
  },
  withoutClient: { last: "中村", first: "翔", fields: eligible("Home 1G") },
  closedClient: { last: "小林", first: "直美", client: 1009, clientStatus: "Closed", fields: verified },
  submitted: {
    last: "加藤",
    first: "誠",
    client: 1010,
    fields: (at) => ({ Id_Verification_Status__c: "Submitted", Id_Verification_Submitted_Date_Time__c: at }),
  },
  introduced: { last: "吉田", first: "結衣", client: 1011 },
  fresh: { last: "山田", first: "蓮", client: 1012 },
  activeInternet: { last: "松本", first: "彩", client: 1013, fields: eligible("Home 1G") },
  activeSim: { last: "井上", first: "拓也", client: 1014, fields: verified },
  activeVpn: { last: "木村", first: "真理", client: 1015 },
  cancelling: { last: "林", first: "直樹", client: 1016, fields: eligible("Apartment 1G") },
};

interface Item {
  readonly name: string;
  readonly whmcsId: number;
  readonly sku: string;
  readonly itemClass: "Service" | "Activation" | "Add-on";
  readonly cycle: "Monthly" | "Onetime";
  readonly price: number;
  readonly inactive?: true;
  /** The provisioning module in WHMCS. */
  readonly module?: string;
}

const ITEMS: Readonly<Record<string, Item>> = {
  home1g: {
    name: "SonixNet Home 1G",
    whmcsId: 11,
    sku: "INT-HOME-1G",
    itemClass: "Service",
    cycle: "Monthly",
    price: 5500,
  },
  apartment1g: {
    name: "SonixNet Apartment 1G",
    whmcsId: 12,
    sku: "INT-APT-1G",
    itemClass: "Service",
    cycle: "Monthly",
    price: 4400,
  },
  installation: {
    name: "開通工事費",
    whmcsId: 13,
    sku: "INT-INSTALL",
    itemClass: "Activation",
    cycle: "Onetime",
    price: 22_000,
  },
  sim5gb: {
    name: "SIM 5GB",
    whmcsId: 21,
    sku: "SIM-5GB",
    itemClass: "Service",
    cycle: "Monthly",
    price: 1500,
    module: "freebit",
  },
  vpn: { name: "VPN Tokyo", whmcsId: 31, sku: "VPN-TYO", itemClass: "Service", cycle: "Monthly", price: 2500 },
  homePhone: { name: "ひかり電話", whmcsId: 7, sku: "INT-PHONE", itemClass: "Add-on", cycle: "Monthly", price: 500 },
  adsl: {
    name: "SonixNet ADSL",
    whmcsId: 99,
    sku: "INT-ADSL",
    itemClass: "Service",
    cycle: "Monthly",
    price: 3000,
    inactive: true,
  },
};

interface SeedOrder {
  readonly account: keyof typeof PEOPLE;
  readonly commodity: typeof INTERNET | "SIM" | "VPN";
  readonly status: "Pending Review" | "Approved";
  readonly items: readonly (keyof typeof ITEMS)[];
}

/** The last is the newest, and the page shows it first: one that goes through. */
const ORDERS: Readonly<Record<string, SeedOrder>> = {
  approvedApartment: {
    account: "apartmentEligible",
    commodity: INTERNET,
    status: "Approved",
    items: ["apartment1g", "installation"],
  },
  approvedVpn: { account: "submitted", commodity: "VPN", status: "Approved", items: ["vpn"] },
  pendingClosedClient: { account: "closedClient", commodity: "SIM", status: "Pending Review", items: ["sim5gb"] },
  pendingWithoutClient: {
    account: "withoutClient",
    commodity: INTERNET,
    status: "Pending Review",
    items: ["home1g", "installation"],
  },
  pendingSim: { account: "verified", commodity: "SIM", status: "Pending Review", items: ["sim5gb"] },
  pendingHome: {
    account: "homeEligible",
    commodity: INTERNET,
    status: "Pending Review",
    items: ["home1g", "installation", "homePhone"],
  },
};

/** Freebit's lines, by their numbers; none of them is being cancelled. */
const SIMS: Readonly<Record<string, string>> = {
  first: "07000000001",
  second: "07000000002",
  third: "07000000003",
  fourth: "08000000004",
  // Those of the active services, by the names that these have.
  ...Object.fromEntries(
    Object.entries(SERVICES).flatMap(([name, { domain }]) => (domain === undefined ? [] : [[name, domain]])),
  ),
};

const nameOf = ({ last, first }: Person) => `${last} ${first}`;
const mailOf = ({ client }: Person, key: string) => `${key.toLowerCase()}${String(client ?? "")}@customer.example`;
const known = (ids: Readonly<Record<string, string>>, key: string): string => {
  const id = ids[key];
  if (id === undefined) throw new Error(`the seed has no ${key}`);
  return id;
};

function mapped<T>(
  source: Readonly<Record<string, T>>,
  make: (value: T, key: string) => string,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(source).map(([key, value]) => [key, make(value, key)]));
}

/** Fills the org; `now` is milliseconds since 1970. */
export function seedSalesforce(records: Records, now: number): Seed {
  const create = (object: string, fields: Readonly<Record<string, unknown>>) =>
    records.create(knownObject(object), fields);
  const yesterday = dateTimeText(now - DAY_MS);
  const closeDate = new Date(now + 60 * DAY_MS).toISOString().slice(0, 10);
  const today = new Date(now).toISOString().slice(0, 10);

  const pricebookId = create("Pricebook2", { Name: "Portal", IsActive: true });
  const standardId = create("Pricebook2", { Name: "Standard Price Book", IsActive: true });
  markStandard(records, standardId);
  const entries: Record<string, string> = {};
  const products = mapped(ITEMS, ({ name, whmcsId, sku, itemClass, cycle, price, inactive }, key) => {
    const id = create("Product2", {
      Name: name,
      ProductCode: sku,
      StockKeepingUnit: sku,
      IsActive: inactive !== true,
      WH_Product_ID__c: whmcsId,
      Billing_Cycle__c: cycle,
      Item_Class__c: itemClass,
    });
    create("PricebookEntry", { Pricebook2Id: standardId, Product2Id: id, UnitPrice: price, IsActive: true });
    entries[key] = create("PricebookEntry", {
      Pricebook2Id: pricebookId,
      Product2Id: id,
      UnitPrice: price,
      IsActive: inactive !== true,
    });
    return id;
  });

  let customerNumber = 100_000;
  const accounts = mapped(PEOPLE, (person, key) => {
    const id = create("Account", {
      Name: nameOf(person),
      Phone: "03-0000-0000",
      BillingPostalCode: "150-0002",
      BillingState: "東京都",
      BillingCity: "渋谷区",
      BillingStreet: "渋谷2-0-0",
      BillingCountry: "Japan",
      SF_Account_No__c: String(++customerNumber),
      WH_Account__c: person.client ?? null,
      ...person.fields?.(yesterday),
    });
    create("Contact", { AccountId: id, LastName: person.last, FirstName: person.first, Email: mailOf(person, key) });
    return id;
  });
  const nameOfAccount = (key: string) => (PEOPLE[key] === undefined ? key : nameOf(PEOPLE[key]));
  const opportunity = (key: string, commodity: string, stage: string, source: string) =>
    create("Opportunity", {
      AccountId: known(accounts, key),
      Name: `${nameOfAccount(key)} - ${commodity}`,
      StageName: stage,
      CloseDate: closeDate,
      CommodityType: commodity,
      Opportunity_Source__c: source,
    });

  const request = "Portal - Internet Eligibility Request";
  const opportunities: Record<string, string> = {
    checking: opportunity("checking", INTERNET, "Introduction", request),
    notEligible: opportunity("notEligible", INTERNET, "Void", request),
    introduced: opportunity("introduced", INTERNET, "Introduction", request),
  };
  create("Case", {
    Type: "Eligibility Check",
    AccountId: known(accounts, "checking"),
    OpportunityId: opportunities["checking"],
    Subject: "Internet Eligibility - 東京都渋谷区渋谷2-0-0",
    Description: "〒150-0002 東京都渋谷区渋谷2-0-0",
    Origin: "Portal",
    Status: "New",
  });
  const orders = mapped(ORDERS, ({ account, commodity, status, items }, key) => {
    const opportunityId = opportunity(account, commodity, "Post Processing", "Portal - Order Placement");
    opportunities[key] = opportunityId;
    const orderId = create("Order", {
      AccountId: known(accounts, account),
      OpportunityId: opportunityId,
      Pricebook2Id: pricebookId,
      EffectiveDate: today,
      Status: status,
      Type: commodity === INTERNET ? "Internet" : commodity,
    });
    for (const item of items)
      create("OrderItem", { OrderId: orderId, PricebookEntryId: known(entries, item), Quantity: 1 });
    return orderId;
  });
  const services = mapped(SERVICES, ({ account, commodity, whmcsId, isCancelling }, name) => {
    const opportunityId = opportunity(account, commodity, "Active", "Portal - Order Placement");
    opportunities[name] = opportunityId;
    records.update(knownObject("Opportunity"), opportunityId, { WHMCS_Service_ID__c: whmcsId });
    if (isCancelling === true) {
      const end = endOfNextMonth(now);
      records.update(knownObject("Opportunity"), opportunityId, {
        StageName: "△Cancelling",
        ScheduledCancellationDateAndTime__c: dateTimeText(end),
        CancellationNotice__c: "有",
        LineReturn__c: "NotYet",
      });
      create("Case", {
        Type: "Cancellation Request",
        AccountId: known(accounts, account),
        OpportunityId: opportunityId,
        Subject: `Cancellation Request - Internet (${monthInJapan(end)})`,
        Description: `WHMCS service ${String(whmcsId)}`,
        Origin: "Portal",
        Status: "New",
      });
    }
    return String(whmcsId);
  });
  return { pricebookId, accounts, opportunities, orders, products, services, sims: SIMS };
}

/** The one flag that no API call may set. */
function markStandard(records: Records, pricebookId: string): void {
  const type = knownObject("Pricebook2");
  const row = records.tables.row(type, pricebookId);
  records.tables.transaction(() => records.tables.put(type, pricebookId, { ...row, IsStandard: true }));
}

/** WHMCS's side of the same company. Each product's custom field has an id of its own: 100 more than the product's. */
export function seedWhmcs({ opportunities }: Seed, now: () => number): Billing {
  const items = Object.values(ITEMS);
  const products = items
    .filter(({ itemClass }) => itemClass !== "Add-on")
    .map(({ name, whmcsId, cycle, price, module }): Product => ({
      pid: whmcsId,
      name,
      cycle: cycle === "Onetime" ? "onetime" : "monthly",
      price,
      module: module ?? "",
      customFields: [
        { id: 100 + whmcsId, name: OPPORTUNITY_FIELD },
        ...(cycle === "Onetime" ? [{ id: 200 + whmcsId, name: INSTALLATION_DAY, onOrderForm: true } as const] : []),
      ],
    }));
  const addons = items
    .filter(({ itemClass }) => itemClass === "Add-on")
    .map(({ name, whmcsId, price }) => ({ id: whmcsId, name, price }));
  const clients = Object.entries(PEOPLE).flatMap(([key, person]): Client[] =>
    person.client === undefined
      ? []
      : [
          {
            id: person.client,
            firstname: person.first,
            lastname: person.last,
            email: mailOf(person, key),
            status: person.clientStatus ?? "Active",
          },
        ],
  );
  const made = billing(products, addons, clients, now);
  seedServices(
    made,
    (account) => PEOPLE[account]?.client ?? 0,
    (item) => ITEMS[item]?.whmcsId ?? 0,
    opportunities,
  );
  return made;
}

/** Freebit's side: the lines, all of them active. */
export function seedFreebit(now: () => number): Lines {
  return lines(Object.values(SIMS), now);
}
