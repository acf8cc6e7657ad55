import ipaddr from "ipaddr.js";

/** Of IPv6, only this much is given out for the public net (IANA); what the library does not know by name lies outside. */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR("2000::/3");

/** Whether an IP address is one of the public net: not private, not of this machine, not of its link, not reserved. */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.process(address); // an IPv4 address within an IPv6 one is judged as what it is
  if (parsed.range() !== "unicast") return false;
  return parsed.kind() === "ipv4" || parsed.match(GLOBAL_UNICAST);
}

/** The IP address that a URL's host is; null where it is a name. */
export function addressInHost(hostname: string): string | null {
  const bare = hostname.replace(/^\[(.*)\]$/, "$1");
  return ipaddr.isValid(bare) ? bare : null;
}
