import type { Billing, Service } from "./whmcs/billing.ts";
import { ZERO_DATE, wallClock } from "./whmcs/billing.ts";

/**
 * Customers whose service is active already: an Opportunity that names a WHMCS service, and the service that names the
 * Opportunity. They came from an older system, so neither side has an order for them.
 */

export interface SeedService {
  readonly account: string;
  readonly commodity: "Personal SonixNet Home Internet" | "SIM" | "VPN";
  readonly item: string;
  readonly whmcsId: number;
  /** The SIM's number, which WHMCS keeps where a web host would keep its domain. */
  readonly domain?: string;
  /** The customer has asked for its end already. */
  readonly isCancelling?: true;
}

export const SERVICES: Readonly<Record<string, SeedService>> = {
  activeInternet: {
    account: "activeInternet",
    commodity: "Personal SonixNet Home Internet",
    item: "home1g",
    whmcsId: 801,
  },
  activeSim: { account: "activeSim", commodity: "SIM", item: "sim5gb", whmcsId: 802, domain: "08000001014" },
  activeVpn: { account: "activeVpn", commodity: "VPN", item: "vpn", whmcsId: 803 },
  cancelling: {
    account: "cancelling",
    commodity: "Personal SonixNet Home Internet",
    item: "apartment1g",
    whmcsId: 804,
    isCancelling: true,
  },
};

const JAPAN_MS = 9 * 60 * 60 * 1000;

/** The last second of next month in Japan, in milliseconds since 1970. */
export function endOfNextMonth(now: number): number {
  const japan = new Date(now + JAPAN_MS);
  return Date.UTC(japan.getUTCFullYear(), japan.getUTCMonth() + 2, 1) - JAPAN_MS - 1000;
}

/** That month, as Japan names it: `2026-12`. */
export const monthInJapan = (epochMs: number): string => new Date(epochMs + JAPAN_MS).toISOString().slice(0, 7);

/** WHMCS's side; `pidOf` tells an item's product, `opportunities` whose service it is. */
export function seedServices(
  billing: Billing,
  clientOf: (account: string) => number,
  pidOf: (item: string) => number,
  opportunities: Readonly<Record<string, string>>,
): void {
  const now = billing.now();
  for (const [name, { account, item, whmcsId, domain }] of Object.entries(SERVICES)) {
    const product = billing.products.get(pidOf(item));
    const [markField] = product?.customFields ?? [];
    const service: Service = {
      id: whmcsId,
      clientId: clientOf(account),
      orderId: 0,
      pid: pidOf(item),
      qty: 1,
      domain: domain ?? "",
      amount: product?.price ?? 0,
      cycle: "monthly",
      status: "Active",
      regDate: "2025-04-01",
      nextDueDate: `${wallClock(endOfNextMonth(now)).slice(0, 8)}01`,
      terminationDate: ZERO_DATE,
      notes: "",
      customFields: new Map(markField === undefined ? [] : [[markField.id, opportunities[name] ?? ""]]),
    };
    billing.services.set(service.id, service);
  }
}
