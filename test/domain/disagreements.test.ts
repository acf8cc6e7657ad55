import { readFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import {
  afterJob,
  type ApprovedOrder,
  type ClientService,
  DISAGREEMENT_KINDS,
  type Disagreement,
  type DisagreementKind,
  type Facts,
  type KnownJob,
  type LifecycleCase,
  type LifecycleOpportunity,
} from "../../src/domain/disagreement.ts";
import { approvedWithoutService, disagreements } from "../../src/domain/disagreements.ts";
import { STAGE } from "../../src/domain/opportunity.ts";
import { accountId, opportunityId, orderId } from "../../src/domain/salesforce-id.ts";
import { caseIdAnswer } from "../../src/integrations/salesforce/answers.ts";

const NOW = new Date("2026-11-22T03:00:00Z");
const OPPORTUNITY = opportunityId.parse("0065g000000000A");
const OTHER = opportunityId.parse("0065g000000000B");
const ACCOUNT = accountId.parse("0015g000000000A");
const ORDER = orderId.parse("8015g000000000A");
const CASE = caseIdAnswer.parse("5005g000000000A");
const SECOND_CASE = caseIdAnswer.parse("5005g000000000B");

/** An Opportunity that is as it should be, with its service. */
const opportunity = (but: Partial<LifecycleOpportunity> = {}): LifecycleOpportunity => ({
  opportunityId: OPPORTUNITY,
  whmcsClientId: 1001,
  stage: STAGE.active,
  commodity: "SIM",
  whmcsServiceId: 9001,
  lineReturn: null,
  endsAt: null,
  ...but,
});
const service = (but: Partial<ClientService> = {}): ClientService => ({
  serviceId: 9001,
  clientId: 1001,
  orderId: 5001,
  status: "Active",
  opportunityId: OPPORTUNITY,
  ...but,
});
const order = (but: Partial<ApprovedOrder> = {}): ApprovedOrder => ({
  orderId: ORDER,
  status: "Approved",
  opportunity: { opportunityId: OPPORTUNITY, stage: STAGE.postProcessing, whmcsServiceId: null },
  ...but,
});
const cancellation = (but: Partial<LifecycleCase> = {}): LifecycleCase => ({
  caseId: CASE,
  type: "Cancellation Request",
  accountId: ACCOUNT,
  isOpen: true,
  opportunity: { opportunityId: OPPORTUNITY, stage: STAGE.cancelling },
  serviceId: 9001,
  ...but,
});
const check = (but: Partial<LifecycleCase> = {}) =>
  cancellation({ type: "Eligibility Check", opportunity: null, serviceId: null, ...but });
const cancelling = { stage: STAGE.cancelling, endsAt: "2026-11-30T14:59:59.000+0000" };
const waiting = { stage: STAGE.postProcessing, whmcsServiceId: null };

const told = (facts: Partial<Facts>): Disagreement[] =>
  disagreements({ now: NOW, orders: [], opportunities: [], cases: [], checking: [], services: [], ...facts });
const kindsOf = (facts: Partial<Facts>) => told(facts).map(({ kind }) => kind);

describe("systems that agree", () => {
  it.each<[string, Partial<Facts>]>([
    ["an active service", { opportunities: [opportunity()], services: [service()] }],
    [
      "a service of an older system, without a mark",
      { opportunities: [opportunity()], services: [service({ opportunityId: null, orderId: null })] },
    ],
    ["a suspended service", { opportunities: [opportunity()], services: [service({ status: "Suspended" })] }],
    [
      "a service and a one-time product of one order",
      { opportunities: [opportunity()], services: [service(), service({ serviceId: 9002 })] },
    ],
    ["an order that is being reviewed", { opportunities: [opportunity(waiting)] }],
    [
      "an order that was provisioned",
      { orders: [order({ opportunity: { opportunityId: OPPORTUNITY, stage: STAGE.active, whmcsServiceId: 9001 } })] },
    ],
    ["a cancellation", { opportunities: [opportunity(cancelling)], services: [service()], cases: [cancellation()] }],
    [
      "a cancellation whose Case somebody closed",
      { opportunities: [opportunity(cancelling)], services: [service()], cases: [cancellation({ isOpen: false })] },
    ],
    [
      "an end of yesterday, for which the sweep is due",
      {
        opportunities: [opportunity({ ...cancelling, endsAt: "2026-11-21T14:59:59Z" })],
        services: [service()],
        cases: [cancellation()],
      },
    ],
    [
      "a service that is over, and a one-time product that WHMCS keeps",
      {
        opportunities: [opportunity({ stage: STAGE.cancelled })],
        services: [service({ status: "Terminated" }), service({ serviceId: 9002 })],
      },
    ],
    [
      "an order that was cancelled before another took its place",
      {
        opportunities: [opportunity()],
        services: [service(), service({ serviceId: 8001, orderId: 4001, status: "Cancelled" })],
      },
    ],
    [
      "equipment that is still to come back",
      {
        opportunities: [
          opportunity({ stage: STAGE.cancelled, commodity: "Personal SonixNet Home Internet", lineReturn: "SentKit" }),
        ],
        services: [service({ status: "Terminated" })],
        cases: [cancellation({ opportunity: { opportunityId: OPPORTUNITY, stage: STAGE.cancelled } })],
      },
    ],
    ["a check under way", { checking: [ACCOUNT], cases: [check()] }],
    [
      "what the portal does not sell",
      { opportunities: [opportunity({ commodity: "Colocation", whmcsServiceId: null })] },
    ],
  ])("%s", (_what, facts) => {
    expect(told(facts)).toEqual([]);
  });
});

describe("systems that do not", () => {
  it.each<[DisagreementKind, string, Partial<Facts>]>([
    ["order-without-service", "an approved order that nobody announced", { orders: [order()] }],
    ["order-without-service", "an approved order without an opportunity", { orders: [order({ opportunity: null })] }],
    [
      "order-without-service",
      "an approved order whose service is there, and not linked",
      { orders: [order()], opportunities: [opportunity(waiting)], services: [service()] },
    ],
    [
      "order-activated-by-hand",
      "an order that was activated and not approved",
      { orders: [order({ status: "Activated" })] },
    ],
    [
      "service-without-link",
      "a service whose order is not approved any more",
      { opportunities: [opportunity(waiting)], services: [service()] },
    ],
    [
      "service-without-link",
      "an active opportunity that lost its link",
      { opportunities: [opportunity({ whmcsServiceId: null })], services: [service()] },
    ],
    [
      "link-before-active",
      "a link without the stage",
      { opportunities: [opportunity({ stage: STAGE.postProcessing })], services: [service()] },
    ],
    [
      "active-without-service",
      "an active opportunity without a service",
      { opportunities: [opportunity({ whmcsServiceId: null })] },
    ],
    ["link-to-nothing", "a service that WHMCS does not have", { opportunities: [opportunity()] }],
    [
      "link-to-nothing",
      "another client's service",
      { opportunities: [opportunity()], services: [service({ clientId: 1002 })] },
    ],
    [
      "link-to-nothing",
      "an account without a WHMCS client",
      { opportunities: [opportunity({ whmcsClientId: null })], services: [service()] },
    ],
    [
      "service-of-another",
      "a service with another opportunity's mark",
      { opportunities: [opportunity()], services: [service({ opportunityId: OTHER })] },
    ],
    [
      "active-but-ended",
      "a service that WHMCS ended",
      { opportunities: [opportunity()], services: [service({ status: "Terminated" })] },
    ],
    [
      "active-but-pending",
      "an order that was never accepted",
      { opportunities: [opportunity()], services: [service({ status: "Pending" })] },
    ],
    [
      "cancelling-without-case",
      "an end without its Case",
      { opportunities: [opportunity(cancelling)], services: [service()] },
    ],
    [
      "cancelling-without-case",
      "an end with a Case of another sort",
      {
        opportunities: [opportunity(cancelling)],
        services: [service()],
        cases: [cancellation({ type: "Eligibility Check" })],
      },
    ],
    [
      "cancelling-without-date",
      "an end without its date",
      { opportunities: [opportunity({ ...cancelling, endsAt: null })], services: [service()], cases: [cancellation()] },
    ],
    [
      "cancelling-without-service",
      "an end of no service",
      { opportunities: [opportunity({ ...cancelling, whmcsServiceId: null })], cases: [cancellation()] },
    ],
    [
      "end-overdue",
      "an end that has not come",
      {
        opportunities: [opportunity({ ...cancelling, endsAt: "2026-10-31T14:59:59Z" })],
        services: [service()],
        cases: [cancellation()],
      },
    ],
    [
      "over-but-running",
      "a service that runs on",
      { opportunities: [opportunity({ stage: STAGE.cancelled })], services: [service()] },
    ],
    [
      "over-but-running",
      "a service of an opportunity that was given up",
      { opportunities: [opportunity({ stage: STAGE.void, whmcsServiceId: null })], services: [service()] },
    ],
    [
      "two-orders",
      "two orders with one mark",
      { opportunities: [opportunity()], services: [service(), service({ serviceId: 9002, orderId: 5002 })] },
    ],
    [
      "two-opportunities",
      "two opportunities with one service",
      {
        opportunities: [opportunity(), opportunity({ opportunityId: OTHER })],
        services: [service({ opportunityId: null })],
      },
    ],
    [
      "two-cases",
      "two Cases of one cancellation",
      {
        opportunities: [opportunity(cancelling)],
        services: [service()],
        cases: [cancellation(), cancellation({ caseId: SECOND_CASE })],
      },
    ],
    ["two-cases", "two checks of one account", { cases: [check(), check({ caseId: SECOND_CASE })] }],
    [
      "case-without-cancellation",
      "a request that nothing came of",
      { cases: [cancellation({ opportunity: { opportunityId: OPPORTUNITY, stage: STAGE.active } })] },
    ],
    [
      "case-without-opportunity",
      "a request for a service that no opportunity names",
      { cases: [cancellation({ opportunity: null })] },
    ],
    [
      "case-left-open",
      "a Case that outlived its service",
      {
        opportunities: [opportunity({ stage: STAGE.cancelled })],
        services: [service({ status: "Terminated" })],
        cases: [cancellation({ opportunity: { opportunityId: OPPORTUNITY, stage: STAGE.cancelled } })],
      },
    ],
    [
      "checking-without-case",
      "a check that nobody makes",
      { checking: [ACCOUNT], cases: [check({ accountId: accountId.parse("0015g000000000B") })] },
    ],
  ])("%s: %s", (kind, _what, facts) => {
    expect(kindsOf(facts)).toEqual([kind]);
  });

  it("an approved order is healed by its job, an end that is due by the sweep, and the rest by a person", () => {
    expect(approvedWithoutService([order()])[0]?.heal).toEqual({
      by: "post",
      work: { kind: "provisioning", payload: { orderId: ORDER } },
    });
    const late = { ...cancelling, endsAt: "2026-10-31T14:59:59Z" };
    const ofLate = (but: Partial<LifecycleOpportunity>) =>
      told({ opportunities: [opportunity({ ...late, ...but })], services: [service()], cases: [cancellation()] })[0]
        ?.heal;
    expect(ofLate({})).toMatchObject({ by: "daily sweep", work: { kind: "termination" } });
    expect(ofLate({ commodity: "VPN" })).toMatchObject({
      by: "person",
      words: expect.stringContaining("End service 9001"),
    });
    expect(approvedWithoutService([order({ status: "Activated" })])[0]?.heal.by).toBe("person");
  });
});

it("the operator's guide says of each what heals it", async () => {
  const guide = await readFile(path.join(import.meta.dirname, "../../docs/operations.md"), "utf8");
  const told = [...guide.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, kind]) => kind);
  expect(new Set(told)).toEqual(new Set(DISAGREEMENT_KINDS));
});

describe("what the ledger knows", () => {
  const work = { kind: "provisioning", payload: { orderId: ORDER } } as const;
  const [found] = approvedWithoutService([order()]);
  const job = (but: Partial<KnownJob>): KnownJob => ({
    id: "job-1",
    state: "completed",
    finishedAt: null,
    failure: null,
    ...but,
  });
  const after = (known: KnownJob | null) => found && afterJob(found, work, known, NOW);

  it("nothing: the advice stands", () => {
    expect(after(null)).toEqual(found);
  });

  it.each(["queued", "active", "retrying"] as const)("a job that is %s: it is left to it", (state) => {
    expect(after(job({ state }))?.heal).toEqual({ by: "job under way", work, jobId: "job-1" });
  });

  it("a job that failed: it says why, and is to be retried", () => {
    const failure = { title: "The account has no WHMCS client.", detail: "Fill it in, then retry." };
    const words = "The account has no WHMCS client. Fill it in, then retry.";
    expect(after(job({ state: "failed", failure }))?.heal).toEqual({ by: "retry", work, jobId: "job-1", words });
  });

  it("a job that ended before: somebody undid it since, and it may be asked for again", () => {
    const then = after(job({ finishedAt: "2026-11-21T00:00:00Z" }));
    expect(then).toMatchObject({ heal: found?.heal, what: expect.stringContaining("job-1 has ended") });
  });

  it("a job that ended while the systems were read: there is nothing to tell", () => {
    expect(after(job({ finishedAt: "2026-11-22T03:00:00.500Z" }))).toBeNull();
  });
});
