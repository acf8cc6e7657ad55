import type { ServerResponse } from "node:http";
import { beforeEach, describe, expect, test } from "vitest";
import { accountId } from "../../src/domain/salesforce-id.ts";
import { freebitClient } from "../../src/integrations/freebit/client.ts";
import { opportunityIdAnswer } from "../../src/integrations/salesforce/answers.ts";
import { salesforceClient } from "../../src/integrations/salesforce/client.ts";
import { whmcsClient } from "../../src/integrations/whmcs/client.ts";
import { Secret } from "../../src/settings.ts";
import { callWithin, json, type SeenRequest, vendorThat } from "./vendor.ts";

/** Where we call is said by the settings alone: whatever a vendor answers, nobody else is asked. */

const OPPORTUNITY = opportunityIdAnswer.parse("0065g00000AbCdEAAV");
const call = callWithin(5_000);

/** Somebody else, who answers everything and would gladly have a token. */
let elsewhere: Awaited<ReturnType<typeof vendorThat>>;
beforeEach(async () => {
  elsewhere = await vendorThat((_request, response) => json(response, 200, { done: true, totalSize: 0, records: [] }));
});

function salesforceAt(url: string) {
  return salesforceClient({
    settings: {
      SALESFORCE_LOGIN_URL: url,
      SALESFORCE_CLIENT_ID: "client",
      SALESFORCE_CLIENT_SECRET: new Secret("s3cret"),
      SALESFORCE_USERNAME: undefined,
      SALESFORCE_PRIVATE_KEY: undefined,
      SALESFORCE_API_VERSION: "62.0",
      SALESFORCE_FIELDS: {},
    },
    call,
  });
}

/** A Salesforce that signs everyone in, to `instance` or to itself, and answers the rest by `api`. */
async function org(api: (request: SeenRequest, response: ServerResponse) => void, instance?: string) {
  const { url, seen } = await vendorThat((request, response) => {
    if (!request.path.startsWith("/services/oauth2/token")) return api(request, response);
    json(response, 200, { access_token: "token", instance_url: instance ?? url, id: "https://x/id/00D/005" });
  });
  return { salesforce: salesforceAt(url), seen };
}

const redirect = (status: number) => (_: unknown, response: ServerResponse) =>
  void response.writeHead(status, { location: `${elsewhere.url}/services/data` }).end();

/** Whatever came of it; what counts is who was asked. */
const settled = async (work: Promise<unknown>) => (await Promise.allSettled([work]))[0].status;

describe("Salesforce", () => {
  test.for([301, 302, 303, 307, 308])(
    "sends us elsewhere with %i, and nobody goes: not with a read, a write or a sign-in",
    async (status) => {
      const { salesforce } = await org(redirect(status));
      expect(await settled(salesforce.opportunityLink(OPPORTUNITY))).toBe("rejected");
      expect(await settled(salesforce.activate({ opportunityId: OPPORTUNITY, whmcsServiceId: 66 }))).toBe("rejected");
      const { url } = await vendorThat(redirect(status));
      expect(await settled(salesforceAt(url).eligibility(accountId.parse("0015g00000HjKlMAAV")))).toBe("rejected");
      expect(elsewhere.seen).toEqual([]);
    },
  );

  test.for(["", "//", "http://", "@"])(
    "names a next page that is elsewhere (%s…), and nobody turns it",
    async (scheme) => {
      const host = new URL(elsewhere.url).host;
      const asked: string[] = [];
      const { salesforce } = await org(({ path }, response) => {
        asked.push(path);
        const next = `${scheme}${host}/services/data/v62.0/query/01g5g00000AbCdE-2000`;
        json(
          response,
          200,
          asked.length > 3 ? { done: true, records: [] } : { done: false, nextRecordsUrl: next, records: [] },
        );
      });
      await settled(salesforce.approvedOrders(new Date()));
      expect(asked.length).toBeGreaterThan(0);
      expect(elsewhere.seen).toEqual([]);
    },
  );

  test("names an instance of another's, and no token goes there", async () => {
    const foreign = elsewhere.url.replace("127.0.0.1", "localhost");
    const { salesforce } = await org(() => undefined, foreign);
    await expect(salesforce.opportunityLink(OPPORTUNITY)).rejects.toMatchObject({ code: "salesforce-instance-url" });
    expect(elsewhere.seen).toEqual([]);
  });
});

test.for([302, 307])("WHMCS and Freebit send us elsewhere with %i, and nobody goes", async (status) => {
  const { url } = await vendorThat(redirect(status));
  const whmcs = whmcsClient({
    settings: {
      WHMCS_URL: url,
      WHMCS_IDENTIFIER: "identifier",
      WHMCS_SECRET: new Secret("s3cret"),
      WHMCS_ACCESS_KEY: undefined,
      WHMCS_OPPORTUNITY_FIELD: { name: "OpportunityId" },
      WHMCS_PAYMENT_METHOD: "banktransfer",
    },
    call,
  });
  const freebit = freebitClient({
    settings: {
      FREEBIT_URL: url,
      FREEBIT_OEM_ID: "oem",
      FREEBIT_OEM_KEY: new Secret("s3cret"),
      FREEBIT_PROFILE: undefined,
    },
    call,
  });
  expect(await settled(whmcs.orderStatus(76))).toBe("rejected");
  expect(await settled(whmcs.acceptOrder(76))).toBe("rejected");
  expect(await settled(freebit.bookedCancellation("07000000001"))).toBe("rejected");
  expect(elsewhere.seen).toEqual([]);
});
