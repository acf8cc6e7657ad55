import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { monthInJapan, monthsAfter } from "../../src/domain/japan-calendar.ts";
import { cancellation } from "../../src/processors/cancellation.ts";
import { startRedis, type TestRedis } from "../redis.ts";
import { ADMINISTRATOR, type Line, openLine } from "./line.ts";

/** Text that customers and vendors chose, which must not become a header, a recipient or a command of SMTP: on the wire. */

const FORGED = [
  "花子\r\nBcc: all@elsewhere.example\r\nX-Forged: yes",
  "花子\nTo: all@elsewhere.example\n\n<b>",
  "花子\r\n.\r\nMAIL FROM:<x@elsewhere.example>\r\nRCPT TO:<all@elsewhere.example>\r\nDATA\r\nX-Forged: yes\r\n.\r\n",
  "\n.\nRSET\nRCPT TO:<all@elsewhere.example>\n",
  "=?utf-8?B?DQpCY2M6IGFsbEBlbHNld2hlcmUuZXhhbXBsZQ==?=",
  '"花子" <all@elsewhere.example>, ',
];
const HEADERS = [
  "auto-submitted",
  "content-transfer-encoding",
  "content-type",
  "date",
  "from",
  "message-id",
  "mime-version",
  "subject",
  "to",
];
const CUSTOMER = "activesim1014@customer.example";
const OTHER = "hanako@customer.example";

let redis: TestRedis;
let line: Line;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
beforeEach(async () => {
  line = await openLine({ redis, attempts: 2 });
  line.engine.work();
});
afterEach(() => line.close());

it.each(FORGED)("%j stays what it is: text", async (forged) => {
  const { seed } = await line.state();
  const asked = {
    service: "SIM",
    accountId: seed.accounts["activeSim"],
    serviceId: 802,
    simNumber: "08000001014",
    month: monthsAfter(monthInJapan(new Date()), 1),
    comments: forged,
    alternativeEmail: OTHER,
  };
  await line.edit("Account", asked.accountId ?? "", { Name: forged });
  const status = { message: forged, statusCode: forged };
  const body = { resultCode: "400", status };
  await line.fault({ vendor: "freebit", operation: "cnclAcnt", mode: "fail-before", status: 200, body });
  const failed = await line.carry(cancellation, asked); // of which the administrator is told, with the comments
  expect(failed.state).toBe("failed");
  expect(await line.retry(failed)).toMatchObject({ state: "completed" });

  const mails = await line.mails();
  expect(mails.map(({ to }) => to.join()).toSorted()).toEqual(
    [CUSTOMER, ADMINISTRATOR, ADMINISTRATOR, OTHER].toSorted(),
  );
  for (const { raw, to } of mails) {
    const [head = ""] = raw.split("\r\n\r\n");
    const names = head.split(/\r\n(?![ \t])/).map((header) => header.slice(0, header.indexOf(":")).toLowerCase());
    expect(names.toSorted()).toEqual(HEADERS.filter((name) => names.includes(name)));
    expect(head).toContain(`To: ${to.join()}`);
    expect(head).not.toContain("elsewhere");
  }
});
