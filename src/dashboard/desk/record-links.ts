/** Where people open a record; null where the dashboard is not told. */
export interface RecordUrls {
  readonly salesforce: string | null;
  readonly whmcs: string | null;
}

export interface RecordLink {
  readonly text: string;
  readonly url: string | null;
}

/** What Salesforce's ids begin with, by object. */
const OBJECTS: Readonly<Record<string, string>> = {
  "001": "Account",
  "801": "Order",
  "006": "Opportunity",
  "500": "Case",
  "068": "ContentVersion",
};

const WHMCS_PAGES: Readonly<Record<string, (id: string) => string>> = {
  whmcsOrderId: (id) => `admin/orders.php?action=view&id=${id}`,
  whmcsServiceId: (id) => `admin/clientsservices.php?id=${id}`,
};

/** Links to what a job is about, by its ids: a Salesforce id says of itself what it names, a WHMCS id by its field. */
export function recordLinks(ids: Readonly<Record<string, string | number>>, urls: RecordUrls): RecordLink[] {
  const links = Object.entries(ids).flatMap(([field, value]): RecordLink[] => {
    const id = String(value);
    const object = /^[A-Za-z0-9]{18}$/.test(id) ? OBJECTS[id.slice(0, 3)] : undefined;
    if (object !== undefined)
      return [{ text: `Salesforce ${object} ${id}`, url: at(urls.salesforce, `lightning/r/${object}/${id}/view`) }];
    const page = WHMCS_PAGES[field];
    if (page === undefined || !/^\d+$/.test(id)) return [];
    return [{ text: `WHMCS ${field === "whmcsOrderId" ? "order" : "service"} ${id}`, url: at(urls.whmcs, page(id)) }];
  });
  return [...new Map(links.map((link) => [link.text, link])).values()];
}

function at(base: string | null, path: string): string | null {
  return base === null ? null : new URL(path, base.endsWith("/") ? base : `${base}/`).href;
}
