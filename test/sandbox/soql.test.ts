import { describe, expect, it } from "vitest";
import { inside, runningSandbox } from "./running-sandbox.ts";

const { query, rest } = runningSandbox();

const found = async (soql: string) => {
  const { body } = await query(soql);
  const records = inside(body, "records");
  return Array.isArray(records)
    ? records.map((record: unknown) => inside(record, "Name") ?? inside(record, "Subject"))
    : body;
};

describe("a query finds", () => {
  it.each<[string, string, unknown[]]>([
    ["by equality, without regard to case", "SELECT Name FROM Product2 WHERE Name = 'VPN TOKYO'", ["VPN Tokyo"]],
    ["by number", "SELECT Name FROM Product2 WHERE WH_Product_ID__c = 21.0", ["SIM 5GB"]],
    [
      "by comparison, where nothing is never less",
      "SELECT Name FROM Account WHERE WH_Account__c < 1003 ORDER BY Name",
      ["佐藤 花子", "鈴木 一郎"],
    ],
    ["what is empty", "SELECT Name FROM Account WHERE WH_Account__c = null", ["中村 翔"]],
    [
      "by a list",
      "SELECT Name FROM Product2 WHERE WH_Product_ID__c IN (11, 31) ORDER BY Name DESC",
      ["VPN Tokyo", "SonixNet Home 1G"],
    ],
    ["by what is not on a list", "SELECT Name FROM Pricebook2 WHERE Name NOT IN ('Portal')", ["Standard Price Book"]],
    ["by pattern", "SELECT Name FROM Product2 WHERE Name LIKE 'sonix%1_' AND Name LIKE '%home%'", ["SonixNet Home 1G"]],
    ["by a pattern with a plain percent sign", "SELECT Name FROM Product2 WHERE Name LIKE '\\%%'", []],
    [
      "by a parent's field",
      "SELECT Name FROM Contact WHERE Account.Internet_Eligibility__c = 'Not Eligible'",
      ["伊藤 陽子"],
    ],
    [
      "by a derived field",
      "SELECT Name FROM Opportunity WHERE IsClosed = true",
      ["伊藤 陽子 - Personal SonixNet Home Internet"],
    ],
    [
      "by conditions in parentheses",
      "SELECT Name FROM Product2 WHERE (IsActive = false OR WH_Product_ID__c = 31) AND NOT Name = 'VPN Tokyo'",
      ["SonixNet ADSL"],
    ],
    [
      "by moment",
      "SELECT Subject FROM Case WHERE CreatedDate > 2020-01-01T00:00:00+09:00 AND CreatedDate < 2999-01-01T00:00:00Z ORDER BY CreatedDate",
      ["Internet Eligibility - 東京都渋谷区渋谷2-0-0", expect.stringMatching(/^Cancellation Request - Internet/)],
    ],
    [
      "by what another query finds",
      "SELECT Name FROM Account WHERE Id IN (SELECT AccountId FROM Case WHERE Type = 'Eligibility Check')",
      ["田中 健太"],
    ],
    [
      "by what another query does not find",
      "SELECT Name FROM Product2 WHERE Id NOT IN (SELECT Product2Id FROM OrderItem) AND IsActive = true",
      [],
    ],
    [
      "by a moment, or nothing, in nested parentheses",
      "SELECT Name FROM Account WHERE (Internet_Eligibility_Status__c = 'Pending' OR (Id_Verification_Status__c != null AND WH_Account__c = 1007)) AND (CreatedDate < 2999-01-01T00:00:00.000+0000 AND CreatedDate != null) ORDER BY Name",
      ["山本 さくら", "田中 健太"],
    ],
    ["by day", "SELECT Name FROM Opportunity WHERE CloseDate < 2020-01-01", []],
    [
      "in order, a part at a time",
      "SELECT Name FROM Product2 WHERE WH_Product_ID__c < 20 ORDER BY WH_Product_ID__c LIMIT 2 OFFSET 1",
      ["SonixNet Home 1G", "SonixNet Apartment 1G"],
    ],
    [
      "with what is empty at the end",
      "SELECT Name FROM Account WHERE Id != null ORDER BY WH_Account__c DESC NULLS LAST LIMIT 1",
      ["林 直樹"],
    ],
    [
      "with what is empty at the start, unless told otherwise",
      "SELECT Name FROM Account ORDER BY WH_Account__c LIMIT 1",
      ["中村 翔"],
    ],
  ])("%s", async (_, soql, names) => {
    expect(await found(soql)).toEqual(names);
  });

  it("texts with quotes and backslashes", async () => {
    await rest("POST", "sobjects/Case", { Subject: "O'Neill \\ 1" });
    expect(await found("SELECT Subject FROM Case WHERE Subject = 'O\\'Neill \\\\ 1'")).toEqual(["O'Neill \\ 1"]);
  });

  it("a number only, with COUNT()", async () => {
    expect((await query("SELECT COUNT() FROM Account")).body).toEqual({ totalSize: 16, done: true, records: [] });
  });

  it("children in a subquery, and nothing where there are none", async () => {
    const { body } = await query(
      "SELECT Name, (SELECT Subject FROM Cases WHERE IsClosed = false ORDER BY CreatedDate DESC LIMIT 1) FROM Account WHERE Name IN ('田中 健太', '山田 蓮') ORDER BY Name",
    );
    expect(inside(body, "records")).toMatchObject([
      { Name: "山田 蓮", Cases: null },
      { Name: "田中 健太", Cases: { totalSize: 1, done: true } },
    ]);
  });

  it("the parents of children, and a parent's parent", async () => {
    const { body } = await query(
      "SELECT Id, Account.Name, Opportunity.StageName, (SELECT Id, Product2Id, Product2.Name, PricebookEntry.Product2.ProductCode, Quantity FROM OrderItems WHERE Quantity > 0) FROM Order WHERE OrderNumber = '00000002'",
    );
    expect(inside(body, "records", 0)).toMatchObject({
      Account: { attributes: { type: "Account" }, Name: "加藤 誠" },
      Opportunity: { StageName: "Post Processing" },
      OrderItems: {
        totalSize: 1,
        done: true,
        records: [
          {
            attributes: { type: "OrderItem" },
            Product2: { Name: "VPN Tokyo" },
            PricebookEntry: { Product2: { ProductCode: "VPN-TYO" } },
            Quantity: 1,
          },
        ],
      },
    });
  });

  it("a parent that is not there as null", async () => {
    await rest("POST", "sobjects/Case", { Subject: "alone" });
    expect((await query("SELECT Account.Name FROM Case WHERE Subject = 'alone'")).body).toMatchObject({
      records: [{ Account: null }],
    });
  });
});

describe("a query is refused", () => {
  it.each([
    [
      "AND and OR without parentheses",
      "SELECT Id FROM Case WHERE Subject = 'a' AND Type = 'b' OR Type = 'c'",
      "MALFORMED_QUERY",
    ],
    ["an end too early", "SELECT Id FROM Case WHERE", "MALFORMED_QUERY"],
    ["a text without its end", "SELECT Id FROM Case WHERE Subject = 'a", "MALFORMED_QUERY"],
    ["an escape that means nothing", "SELECT Id FROM Case WHERE Subject = 'a\\q'", "MALFORMED_QUERY"],
    ["something after the end", "SELECT Id FROM Case LIMIT 1 please", "MALFORMED_QUERY"],
    ["a star", "SELECT * FROM Case", "MALFORMED_QUERY"],
    ["the same field twice", "SELECT Id, id FROM Case", "MALFORMED_QUERY"],
    ["an unknown object", "SELECT Id FROM Nothing", "INVALID_TYPE"],
    ["an unknown field", "SELECT Nothing__c FROM Case", "INVALID_FIELD"],
    ["an unknown parent", "SELECT Nothing.Name FROM Case", "INVALID_FIELD"],
    ["unknown children", "SELECT (SELECT Id FROM Nothings) FROM Account", "INVALID_TYPE"],
    ["a number in quotes", "SELECT Id FROM Account WHERE WH_Account__c = '1001'", "INVALID_FIELD"],
    ["a text without quotes", "SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"],
    ["a moment in quotes", "SELECT Id FROM Case WHERE CreatedDate > '2020-01-01T00:00:00Z'", "INVALID_FIELD"],
    ["a search in a long text", "SELECT Id FROM Case WHERE Description LIKE '%a%'", "INVALID_FIELD"],
    [
      "a list of names where ids belong",
      "SELECT Id FROM Case WHERE AccountId IN (SELECT Name FROM Account)",
      "MALFORMED_QUERY",
    ],
    ["an order by a long text", "SELECT Id FROM Case ORDER BY Description", "MALFORMED_QUERY"],
    ["an id that is none", "SELECT Id FROM Case WHERE AccountId = 'nobody'", "INVALID_QUERY_FILTER_OPERATOR"],
  ])("%s", async (_, soql, errorCode) => {
    expect(await query(soql)).toMatchObject({ status: 400, body: [{ errorCode }] });
  });
});
