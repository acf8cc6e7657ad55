/** The words of Salesforce's Opportunity (`spec/rules.md`, Names and values). */

export const STAGE = {
  introduction: "Introduction",
  ready: "Ready",
  postProcessing: "Post Processing",
  active: "Active",
  cancelling: "△Cancelling",
  cancelled: "△Cancelled",
  void: "Void",
} as const;
export type Stage = (typeof STAGE)[keyof typeof STAGE];

/** What can be ordered. */
export const SERVICE_TYPES = ["Internet", "SIM", "VPN"] as const;
export type ServiceType = (typeof SERVICE_TYPES)[number];

/** The commodity that an Opportunity of this type is made with, first, and the others that count as one. */
const COMMODITIES: Record<ServiceType, readonly [string, ...string[]]> = {
  // A corporate Opportunity is used where there is one, and never created.
  Internet: ["Personal SonixNet Home Internet", "Corporate SonixNet Home Internet"],
  SIM: ["SIM"],
  VPN: ["VPN"],
};

/** The commodity that a new Opportunity gets. */
export function commodityOf(type: ServiceType): string {
  return COMMODITIES[type][0];
}

/** Every commodity that is matched. */
export function commoditiesOf(type: ServiceType): readonly string[] {
  return COMMODITIES[type];
}

/** What an Opportunity of this commodity is about; null for one that the portal does not sell. */
export function typeOfCommodity(commodity: string | null): ServiceType | null {
  return SERVICE_TYPES.find((type) => commodity !== null && COMMODITIES[type].includes(commodity)) ?? null;
}

/** Whether a service with this status, in WHMCS's words, is over. */
export function isEnded(status: string | null): boolean {
  return status === "Terminated" || status === "Cancelled";
}

/** Whether the Case of a service that is over may be closed: Internet's waits until the rented equipment is back, or need not come back. */
export function mayCloseCase({
  commodity,
  lineReturn,
}: {
  readonly commodity: string | null;
  readonly lineReturn: string | null;
}): boolean {
  return typeOfCommodity(commodity) !== "Internet" || lineReturn === "Returned" || lineReturn === "不要";
}

/** Which of an Opportunity's two dates tells when a service of this commodity ends: a SIM has one of its own. */
export function endOf<Moment>(
  commodity: string | null,
  dates: { readonly sim: Moment; readonly others: Moment },
): Moment {
  return typeOfCommodity(commodity) === "SIM" ? dates.sim : dates.others;
}
