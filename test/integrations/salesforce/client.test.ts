import { createVerify, generateKeyPairSync } from "node:crypto";
import type { ServerResponse } from "node:http";
import { describe, expect, test } from "vitest";
import { RejectedError, UnavailableError, UnknownOutcomeError } from "../../../src/domain/errors.ts";
import { accountId, orderId } from "../../../src/domain/salesforce-id.ts";
import { opportunityIdAnswer } from "../../../src/integrations/salesforce/answers.ts";
import { salesforceClient, type SalesforceSettings } from "../../../src/integrations/salesforce/client.ts";
import { jwtAudience } from "../../../src/integrations/salesforce/session.ts";
import { Secret } from "../../../src/settings.ts";
import { sendIt } from "../../../src/domain/vendor-call.ts";
import { callWithin, deserted, json, LOST_ANSWERS, vendorThat, type SeenRequest } from "../vendor.ts";

const ACCOUNT = accountId.parse("0015g00000HjKlMAAV");
const ORDER = orderId.parse("8015g00000ZxCvBAAV");
const OPPORTUNITY = opportunityIdAnswer.parse("0065g00000AbCdE");
const activation = { opportunityId: OPPORTUNITY, whmcsServiceId: 66 };
const check = {
  accountId: ACCOUNT,
  accountName: "渋谷商店",
  opportunityId: null,
  subject: "Internet Eligibility - 150-0002",
  description: "Postal code: 150-0002",
  requestedAt: new Date("2026-11-22T15:30:00Z"),
};

function settingsFor(loginUrl: string, more: Partial<SalesforceSettings> = {}): SalesforceSettings {
  return {
    SALESFORCE_LOGIN_URL: loginUrl,
    SALESFORCE_CLIENT_ID: "client",
    SALESFORCE_CLIENT_SECRET: new Secret("s3cret"),
    SALESFORCE_USERNAME: undefined,
    SALESFORCE_PRIVATE_KEY: undefined,
    SALESFORCE_API_VERSION: "62.0",
    SALESFORCE_FIELDS: {},
    ...more,
  };
}

/** A Salesforce that signs everyone in (as token 1, 2, 3 …) and answers the rest by `api`. */
async function org(api: (request: SeenRequest, response: ServerResponse) => void, deadlineMs = 5_000) {
  let tokens = 0;
  const { url, seen } = await vendorThat((request, response) => {
    if (request.path !== "/services/oauth2/token") return api(request, response);
    tokens++;
    json(response, 200, {
      access_token: `token-${tokens}`,
      instance_url: url,
      id: "https://x/id/00D/005",
      token_type: "Bearer",
    });
  });
  return {
    salesforce: salesforceClient({ settings: settingsFor(url), call: callWithin(deadlineMs) }),
    seen,
    calls: () => seen.filter(({ path }) => path.startsWith("/services/data")),
    signIns: () => tokens,
  };
}

const noRecords = (response: ServerResponse) => json(response, 200, { totalSize: 0, done: true, records: [] });
const expired = (response: ServerResponse) =>
  json(response, 401, [{ message: "Session expired or invalid", errorCode: "INVALID_SESSION_ID" }]);
const tokenOf = ({ headers }: SeenRequest) => headers.authorization?.replace("Bearer ", "");

describe("the org's daily calls", () => {
  test("are told of by each reply, be it a refusal, and by none that says nothing of them", async () => {
    const told: number[] = [];
    const infos = [
      "api-usage=18/5000; per-app-api-usage=17/250(appName=portal)",
      "api-usage=5000/5000",
      "",
      "api-usage=1/0",
    ];
    const { url } = await vendorThat((request, response) => {
      if (!request.path.startsWith("/services/data"))
        return json(response, 200, { access_token: "t", instance_url: url });
      response.setHeader("Sforce-Limit-Info", infos.shift() ?? "");
      if (infos.length !== 2) return noRecords(response);
      json(response, 403, [{ message: "TotalRequests Limit exceeded.", errorCode: "REQUEST_LIMIT_EXCEEDED" }]);
    });
    const salesforce = salesforceClient({
      settings: settingsFor(url),
      call: (_, perform) => perform(AbortSignal.timeout(5_000), (share) => told.push(share), sendIt),
    });
    while (infos.length > 0) await salesforce.opportunityLink(OPPORTUNITY).catch(() => null);
    expect(told).toEqual([18 / 5000, 1]);
  });
});

describe("a session", () => {
  test("is shared by all calls, and one sign-in serves those that come at once", async () => {
    const { salesforce, signIns, calls } = await org((_, response) => noRecords(response));
    await Promise.all(Array.from({ length: 20 }, () => salesforce.opportunityLink(OPPORTUNITY)));
    expect(signIns()).toBe(1);
    expect(calls()).toHaveLength(20);
  });

  test("that expired under twenty calls costs one sign-in, and each call is made once more", async () => {
    let valid = "token-1";
    const { salesforce, signIns, calls } = await org((request, response) =>
      tokenOf(request) === valid ? noRecords(response) : expired(response),
    );
    await salesforce.opportunityLink(OPPORTUNITY);
    valid = "token-2";
    const found = await Promise.all(Array.from({ length: 20 }, () => salesforce.opportunityLink(OPPORTUNITY)));
    expect(found).toEqual(Array.from({ length: 20 }, () => null));
    expect(signIns()).toBe(2);
    expect(calls()).toHaveLength(1 + 40);
  });

  test("that is refused for ever ends each call after one more sign-in", async () => {
    const { salesforce, signIns, calls } = await org((_, response) => expired(response));
    await expect(salesforce.activate(activation)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "salesforce-session-refused",
      scope: "vendor",
    });
    expect(signIns()).toBe(2);
    expect(calls()).toHaveLength(2);
  });

  test("that cannot be had is asked for once, however many calls wait for it", async () => {
    const { url, seen } = await vendorThat((_, response) =>
      json(response, 400, { error: "invalid_grant", error_description: "user 花子 is inactive" }),
    );
    const salesforce = salesforceClient({ settings: settingsFor(url), call: callWithin(5_000) });
    const ends = await Promise.allSettled(Array.from({ length: 10 }, () => salesforce.activate(activation)));
    expect(seen).toHaveLength(1);
    for (const end of ends) {
      expect(end).toMatchObject({
        status: "rejected",
        reason: { constructor: UnavailableError, code: "salesforce-sign-in-refused" },
      });
      expect(JSON.stringify(end)).not.toContain("花子");
    }
  });

  test("is asked for again by the calls that begin after a sign-in failed", async () => {
    let isBroken = true;
    const { url } = await vendorThat((request, response) => {
      if (isBroken) return json(response, 503, {});
      if (request.path.startsWith("/services/data")) return noRecords(response);
      json(response, 200, { access_token: "t", instance_url: url });
    });
    const salesforce = salesforceClient({ settings: settingsFor(url), call: callWithin(5_000) });
    await expect(salesforce.opportunityLink(OPPORTUNITY)).rejects.toBeInstanceOf(UnavailableError);
    isBroken = false;
    await expect(salesforce.opportunityLink(OPPORTUNITY)).resolves.toBeNull();
  });

  test("waits no longer for someone else's sign-in than its own call may take", async () => {
    const { url, seen } = await vendorThat(() => undefined);
    const deadlines = [1_000, 50];
    const salesforce = salesforceClient({
      settings: settingsFor(url),
      call: (_, perform) => perform(AbortSignal.timeout(deadlines.shift() ?? 50), () => undefined, sendIt),
    });
    let isOver = false;
    const patient = salesforce.opportunityLink(OPPORTUNITY).catch((error: unknown) => {
      isOver = true;
      return error;
    });
    await expect(salesforce.opportunityLink(OPPORTUNITY)).rejects.toMatchObject({ code: "salesforce-timeout" });
    expect(isOver).toBe(false);
    expect(seen.length).toBeLessThanOrEqual(1);
    expect(await patient).toBeInstanceOf(UnavailableError);
  });

  test("that failed for one call counts for those that were under way already", async () => {
    let signIns = 0;
    const held: ServerResponse[] = [];
    const bothCame = Promise.withResolvers<void>();
    const { url } = await vendorThat((request, response) => {
      if (request.path.startsWith("/services/data")) {
        held.push(response);
        if (held.length === 2) bothCame.resolve();
        return;
      }
      signIns++;
      if (signIns === 1) json(response, 200, { access_token: "token-1", instance_url: url });
      else json(response, 400, { error: "invalid_grant" });
    });
    const salesforce = salesforceClient({ settings: settingsFor(url), call: callWithin(5_000) });
    const ends = [salesforce.opportunityLink(OPPORTUNITY), salesforce.opportunityLink(OPPORTUNITY)].map((end) =>
      end.catch((error: unknown) => error),
    );
    await bothCame.promise;
    // The second call hears that its session is refused only after the first one's sign-in has failed.
    for (const response of held) {
      expired(response);
      await Promise.race(ends);
    }
    for (const end of ends) expect(await end).toMatchObject({ code: "salesforce-sign-in-refused" });
    expect(signIns).toBe(2);
  });

  test("is begun with the client's credentials", async () => {
    const { salesforce, seen } = await org((_, response) => noRecords(response));
    await salesforce.opportunityLink(OPPORTUNITY);
    expect(Object.fromEntries(new URLSearchParams(seen[0]?.body))).toEqual({
      grant_type: "client_credentials",
      client_id: "client",
      client_secret: "s3cret",
    });
  });

  test("is begun with a signed JWT where there is a key instead of a secret", async () => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const pem = privateKey
      .export({ type: "pkcs8", format: "pem" })
      .toString()
      .replaceAll("\n", String.raw`\n`);
    const { url, seen } = await vendorThat((request, response) =>
      request.path.startsWith("/services/data")
        ? noRecords(response)
        : json(response, 200, { access_token: "t", instance_url: url }),
    );
    const settings = settingsFor(url, {
      SALESFORCE_CLIENT_SECRET: undefined,
      SALESFORCE_USERNAME: "handoff@example.test",
      SALESFORCE_PRIVATE_KEY: new Secret(pem),
    });
    await salesforceClient({ settings, call: callWithin(5_000) }).opportunityLink(OPPORTUNITY);

    const form = new URLSearchParams(seen[0]?.body);
    expect(form.get("grant_type")).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    expect(form.get("client_secret")).toBeNull();
    const [header = "", claims = "", signature = ""] = (form.get("assertion") ?? "").split(".");
    expect(createVerify("RSA-SHA256").update(`${header}.${claims}`).verify(publicKey, signature, "base64url")).toBe(
      true,
    );
    const said = JSON.parse(Buffer.from(claims, "base64url").toString()) as { exp: number };
    expect(said).toMatchObject({ iss: "client", sub: "handoff@example.test", aud: url });
    expect(said.exp - Date.now() / 1000).toBeLessThanOrEqual(180);
  });

  test("names Salesforce's own audience in a JWT, by whatever host it is reached", () => {
    expect(jwtAudience("https://login.salesforce.com")).toBe("https://login.salesforce.com");
    expect(jwtAudience("https://test.salesforce.com")).toBe("https://test.salesforce.com");
    expect(jwtAudience("https://acme.my.salesforce.com")).toBe("https://login.salesforce.com");
    expect(jwtAudience("https://acme--dev.sandbox.my.salesforce.com")).toBe("https://test.salesforce.com");
    expect(jwtAudience("http://127.0.0.1:4000/x")).toBe("http://127.0.0.1:4000");
  });

  test.for([
    ["a file", "file:///etc/passwd"],
    ["nothing", ""],
  ])("leads nowhere when the instance is %s", async ([, instanceUrl]) => {
    const { url } = await vendorThat((_, response) =>
      json(response, 200, { access_token: "t", instance_url: instanceUrl }),
    );
    const salesforce = salesforceClient({ settings: settingsFor(url), call: callWithin(5_000) });
    await expect(salesforce.activate(activation)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "salesforce-unreadable",
    });
  });

  test("speaks to the instance that the sign-in named, not to the login host", async () => {
    const instance = await vendorThat((_, response) => noRecords(response));
    const login = await vendorThat((_, response) =>
      json(response, 200, { access_token: "t", instance_url: `${instance.url}/` }),
    );
    await salesforceClient({ settings: settingsFor(login.url), call: callWithin(5_000) }).opportunityLink(OPPORTUNITY);
    expect(instance.seen).toHaveLength(1);
    expect(login.seen).toHaveLength(1);
  });
});

describe("an answer that gets lost", () => {
  test.for(LOST_ANSWERS)("leaves a write in doubt and a read to be repeated: Salesforce %s", async ([, lose]) => {
    const { salesforce, calls } = await org((_, response) => lose(response), 1_000);
    await expect(salesforce.activate(activation)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: true,
    });
    await expect(salesforce.opportunityLink(OPPORTUNITY)).rejects.toMatchObject({
      constructor: UnavailableError,
      scope: "vendor",
    });
    expect(calls()).toHaveLength(2);
  });

  const unreadable: readonly (readonly [string, (response: ServerResponse) => void])[] = [
    ["HTML with status 200", (response) => void response.writeHead(200, { "content-type": "text/html" }).end("<html>")],
    ["nothing with status 200", (response) => void response.writeHead(200).end()],
    ["an HTML error", (response) => void response.writeHead(503, { "content-type": "text/html" }).end("<html>")],
    ["broken JSON", (response) => void response.writeHead(200, { "content-type": "application/json" }).end('{"a":')],
    ["JSON of another shape", (response) => json(response, 200, { hello: "world" })],
    ["more than anyone would read", (response) => void response.writeHead(200).end("x".repeat(11 * 1024 * 1024))],
  ];
  test.for(unreadable)("is one that cannot be read: %s", async ([, answer]) => {
    const { salesforce } = await org((_, response) => answer(response));
    await expect(salesforce.requestEligibilityCheck(check)).rejects.toMatchObject({
      constructor: UnknownOutcomeError,
      mayStillLand: false,
    });
    await expect(salesforce.eligibility(ACCOUNT)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "salesforce-unreadable",
    });
  });

  test("is told as soon as it is seen, with the status that it came with", async () => {
    const { salesforce } = await org((_, response) => void response.writeHead(203).end("<html>"));
    await expect(salesforce.activate(activation)).rejects.toMatchObject({
      title: "Salesforce's answer (HTTP 203) could not be read.",
    });
  });

  test("a redirect of a write is not followed", async () => {
    const { salesforce, seen } = await org(
      (_, response) => void response.writeHead(307, { location: "/elsewhere" }).end(),
    );
    await expect(salesforce.activate(activation)).rejects.toBeInstanceOf(UnknownOutcomeError);
    expect(seen.map(({ path }) => path)).not.toContain("/elsewhere");
  });

  test("is none where nobody was there to ask", async () => {
    const salesforce = salesforceClient({ settings: settingsFor(await deserted()), call: callWithin(5_000) });
    await expect(salesforce.activate(activation)).rejects.toMatchObject({
      constructor: UnavailableError,
      code: "salesforce-not-reached",
    });
  });

  test("is none where the time was over before anything was sent", async () => {
    const { url, seen } = await vendorThat((_, response) => noRecords(response));
    const salesforce = salesforceClient({
      settings: settingsFor(url),
      call: (_, perform) => perform(AbortSignal.abort(), () => undefined, sendIt),
    });
    await expect(salesforce.activate(activation)).rejects.toBeInstanceOf(UnavailableError);
    expect(seen).toHaveLength(0);
  });
});

describe("a failed eligibility request", () => {
  const halted = {
    errorCode: "PROCESSING_HALTED",
    message: "The transaction was rolled back since another operation in the same transaction failed.",
  };
  const item = (referenceId: string, status: number, body: unknown) => ({
    referenceId,
    httpStatusCode: status,
    httpHeaders: {},
    body,
  });

  test("is told by the part that is to blame, not by those it took along", async () => {
    const { salesforce } = await org((_, response) =>
      json(response, 200, {
        compositeResponse: [
          item("opp", 400, [halted]),
          item("cs", 400, [
            { errorCode: "STRING_TOO_LONG", message: "Description: 渋谷 花子 …", fields: ["Description"] },
          ]),
          item("acc", 400, [halted]),
        ],
      }),
    );
    await expect(salesforce.requestEligibilityCheck(check)).rejects.toMatchObject({
      constructor: RejectedError,
      code: "salesforce-too-long",
      title: "A text is too long for its field in Salesforce: Case.Description (STRING_TOO_LONG).",
    });
  });
});

describe("what is sent", () => {
  const made = { id: "0065g00000AbCdEAAV", success: true, errors: [] };
  const answers = (response: ServerResponse) =>
    json(response, 200, {
      compositeResponse: [
        { referenceId: "opp", httpStatusCode: 201, body: made },
        { referenceId: "cs", httpStatusCode: 201, body: { ...made, id: "5005g00000AbCdEAAV" } },
        { referenceId: "acc", httpStatusCode: 204, body: null },
      ],
    });

  test("an eligibility request is one call that makes the Opportunity and the Case and marks the Account, or nothing", async () => {
    const { salesforce, calls } = await org((_, response) => answers(response));
    await salesforce.requestEligibilityCheck({ ...check, accountName: "長".repeat(200), subject: "件".repeat(300) });
    expect(calls()).toHaveLength(1);
    expect(calls()[0]).toMatchObject({ method: "POST", path: "/services/data/v62.0/composite" });
    const { allOrNone, compositeRequest } = JSON.parse(calls()[0]?.body ?? "") as {
      allOrNone: boolean;
      compositeRequest: { url: string; body: Record<string, string> }[];
    };
    expect(allOrNone).toBe(true);
    const [opportunity, newCase, account] = compositeRequest;
    // Accepted at 00:30 on the 23rd in Japan; sixty days on is the 22nd of January.
    expect(opportunity?.body).toMatchObject({
      CloseDate: "2027-01-22",
      StageName: "Introduction",
      AccountId: ACCOUNT,
      Application_Stage__c: "INTRO-1",
    });
    expect(opportunity?.body["Name"]).toHaveLength(120);
    expect(newCase?.body).toMatchObject({ OpportunityId: "@{opp.id}", Type: "Eligibility Check", Status: "New" });
    expect(newCase?.body["Subject"]).toHaveLength(255);
    expect(account).toMatchObject({
      url: `/services/data/v62.0/sobjects/Account/${ACCOUNT}`,
      body: {
        Internet_Eligibility_Status__c: "Pending",
        Internet_Eligibility_Request_Date_Time__c: "2026-11-22T15:30:00.000Z",
      },
    });
  });

  test("an Opportunity that is there already is used", async () => {
    const { salesforce, calls } = await org((_, response) => answers(response));
    const { opportunityId } = await salesforce.requestEligibilityCheck({ ...check, opportunityId: OPPORTUNITY });
    expect(opportunityId).toBe(OPPORTUNITY);
    expect(calls()[0]?.body).not.toContain("sobjects/Opportunity");
  });

  test("an org's own field names are used in queries and in writes", async () => {
    const { url, seen } = await vendorThat((request, response) => {
      if (request.path.includes("token")) return json(response, 200, { access_token: "t", instance_url: url });
      return request.method === "GET" ? noRecords(response) : answers(response);
    });
    const settings = settingsFor(url, {
      SALESFORCE_FIELDS: { "Case.OpportunityId": "Deal__c", "Order.OpportunityId": "Deal__c" },
    });
    const salesforce = salesforceClient({ settings, call: callWithin(5_000) });
    await salesforce.requestEligibilityCheck(check);
    await salesforce.orderForProvisioning(ORDER);
    expect(seen[1]?.body).toContain('"Deal__c":"@{opp.id}"');
    expect(decodeURIComponent(seen[2]?.path ?? "")).toContain("Deal__r.StageName");
  });
});

describe("what comes back", () => {
  test("numbers that Salesforce keeps as 12.0 or as text are ids, and nothing else is one", async () => {
    const item = (id: unknown) => ({
      Id: "8025g00000AbCdEAAV",
      Quantity: 1,
      Product2: { Name: "Home 1G", WH_Product_ID__c: id, Billing_Cycle__c: "Monthly", Item_Class__c: "Service" },
    });
    const records = [12.0, "12", "12.0", "", null, "abc", 0, -1, 1.5].map(item);
    const { salesforce } = await org((_, response) =>
      json(response, 200, {
        done: true,
        records: [
          {
            Id: ORDER,
            AccountId: ACCOUNT,
            Status: "Approved",
            Account: { WH_Account__c: 77.0 },
            OpportunityId: OPPORTUNITY,
            Opportunity: { StageName: "Post Processing", WHMCS_Service_ID__c: null },
            OrderItems: { done: true, totalSize: records.length, records },
          },
        ],
      }),
    );
    const order = await salesforce.orderForProvisioning(ORDER);
    expect(order?.items.map(({ whmcsProductId }) => whmcsProductId)).toEqual([
      12,
      12,
      12,
      null,
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(order).toMatchObject({
      whmcsClientId: 77,
      opportunity: { opportunityId: OPPORTUNITY, whmcsServiceId: null },
    });
  });

  test("an order whose items do not all fit into the answer is not taken for the whole order", async () => {
    const { salesforce } = await org((_, response) =>
      json(response, 200, {
        done: true,
        records: [
          {
            Id: ORDER,
            AccountId: ACCOUNT,
            Status: "Approved",
            Account: null,
            OpportunityId: null,
            Opportunity: null,
            OrderItems: { done: false, records: [] },
          },
        ],
      }),
    );
    await expect(salesforce.orderForProvisioning(ORDER)).rejects.toBeInstanceOf(UnavailableError);
  });
});
