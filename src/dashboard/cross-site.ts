import type { IncomingHttpHeaders } from "node:http";

const READS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/**
 * Whether a request would change something and was not made by the dashboard's own pages. Browsers say where a request
 * comes from: in Sec-Fetch-Site, or, over plain HTTP to another machine, in Origin alone. A request that says neither
 * comes from no browser that could be trusted to say so, and is refused too.
 */
export function isForeignChange(method: string, headers: IncomingHttpHeaders, publicUrl: string | undefined): boolean {
  if (READS.has(method)) return false;
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  return !isOwnOrigin(headers.origin, headers.host, publicUrl);
}

function isOwnOrigin(origin: string | undefined, host: string | undefined, publicUrl: string | undefined): boolean {
  if (origin === undefined || !URL.canParse(origin)) return false;
  if (publicUrl !== undefined) return origin === new URL(publicUrl).origin;
  return new URL(origin).host === host;
}
