import { expect, it } from "vitest";
import { cancellation } from "../../src/domain/cancellation.ts";
import { explainedEnd } from "../../src/domain/cancellation-explained.ts";

const asked = { accountId: "0015g00000HjKlMAAV", serviceId: 1 };
const internet = (month: string) => cancellation.parse({ service: "Internet", ...asked, month });

it("a minute before the 25th in Japan the month itself was the first to choose from", () => {
  expect(explainedEnd(internet("2026-12"), new Date("2026-12-24T14:59:00Z"))).toEqual([
    {
      en: "Accepted 2026-12-24 23:59 in Japan, before the 25th, so 2026-12 was the first month to choose from. 2026-12 was chosen: the last day is 2026-12-31.",
      ja: "日本時間 2026-12-24 23:59 に受け付けました（25 日より前）。選べる最初の月は 2026-12 でした。2026-12 が選ばれたため、最終日は 2026-12-31 です。",
    },
  ]);
});

it("from the first minute of the 25th on it was the next one", () => {
  const [said] = explainedEnd(internet("2027-02"), new Date("2026-12-24T15:00:00Z"));
  expect(said?.en).toBe(
    "Accepted 2026-12-25 00:00 in Japan, on the 25th or later, so 2027-01 was the first month to choose from. 2027-02 was chosen: the last day is 2027-02-28.",
  );
});

it("of a SIM it is told from when on the line is off", () => {
  const sim = cancellation.parse({ service: "SIM", ...asked, month: "2026-12", simNumber: "070-0000-0001" });
  expect(explainedEnd(sim, new Date("2026-11-30T15:00:00Z")).map(({ en }) => en)[1]).toBe(
    "Freebit switches the line off from 2027-01-01 on.",
  );
});

it("a VPN ends on the day in Japan on which it was asked for", () => {
  const vpn = cancellation.parse({ service: "VPN", ...asked });
  expect(explainedEnd(vpn, new Date("2026-12-31T15:30:00Z"))[0]?.en).toBe(
    "Accepted 2027-01-01 00:30 in Japan. A VPN ends as it is asked for, so its last day is 2027-01-01.",
  );
});
