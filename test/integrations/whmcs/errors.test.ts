import { describe, expect, test } from "vitest";
import { whmcsError, type Trouble } from "../../../src/integrations/whmcs/errors.ts";
import { meaning, type Meaning } from "../vendor.ts";

const refused = (message: string, status = 200): Trouble => ({ kind: "refused", status, message });
const unreadable = (status: number): Trouble => ({ kind: "unreadable", status });
const network = (failure: "not-reached" | "deadline" | "dropped"): Trouble => ({ kind: "network", failure });
const notLetIn: Meaning = { unavailable: "vendor", code: "whmcs-sign-in-refused" };

/** Each row: what came, what it means for a write, and for a read where that differs. */
const rows: readonly (readonly [string, Trouble, Meaning, Meaning?])[] = [
  ["a wrong secret", refused("Authentication Failed", 403), notLetIn],
  ["a wrong secret in another case", refused("authentication failed", 403), notLetIn],
  ["an unknown identifier", refused("Invalid or missing credentials", 403), notLetIn],
  ["an address that is not on the list", refused("Invalid IP 203.0.113.9", 403), notLetIn],
  ["the same with 400", refused("Invalid IP 2001:db8::1", 400), notLetIn],
  ["a banned address", refused("IP Banned", 403), notLetIn],
  ["no access", refused("Access Denied", 403), notLetIn],
  ["a disabled administrator", refused("Administrator Account Disabled", 403), notLetIn],
  [
    "an action that the role may not use",
    refused('Invalid Permissions: API action "addorder" is not allowed', 403),
    notLetIn,
  ],
  ["any other 403", refused("No way", 403), notLetIn],
  [
    "an unknown action",
    refused('Invalid API Action: "x" is not a valid API action'),
    { rejected: "whmcs-unknown-action" },
  ],
  ["no such client", refused("Client ID Not Found"), { rejected: "whmcs-client-not-found" }],
  ["no such client, in other words", refused("Client not found"), { rejected: "whmcs-client-not-found" }],
  ["no such service", refused("Service ID not found"), { rejected: "whmcs-service-not-found" }],
  ["no such order", refused("Order ID Not Found"), { rejected: "whmcs-order-not-found" }],
  [
    "an order that is not pending",
    refused("Order ID not found or Status not Pending"),
    { rejected: "whmcs-order-not-pending" },
  ],
  ["a closed client", refused("Unable to add order when client status is Closed"), { rejected: "whmcs-client-closed" }],
  [
    "a wrong payment method",
    refused("Invalid Payment Method. Valid options include paypal"),
    { rejected: "whmcs-payment-method" },
  ],
  ["an empty cart", refused("No items added to cart so order cannot proceed"), { rejected: "whmcs-no-items" }],
  [
    "a parameter of the wrong shape",
    refused("Expecting parameter 'pid' to be an array"),
    { rejected: "whmcs-refused" },
  ],
  ["a refusal that nobody has heard of", refused("Something new"), { rejected: "whmcs-refused" }],
  ["a refusal without a word", refused(""), { rejected: "whmcs-refused" }],
  [
    "a server fault",
    refused("oops", 500),
    { unknown: "whmcs-server-error", mayStillLand: false },
    { unavailable: "vendor", code: "whmcs-server-error" },
  ],
  [
    "too many requests",
    refused("slow down", 429),
    { unknown: "whmcs-server-error", mayStillLand: false },
    { unavailable: "vendor", code: "whmcs-server-error" },
  ],
  [
    "HTML with 200",
    unreadable(200),
    { unknown: "whmcs-unreadable", mayStillLand: false },
    { unavailable: "vendor", code: "whmcs-unreadable" },
  ],
  [
    "a gateway that gave up",
    unreadable(504),
    { unknown: "whmcs-unreadable", mayStillLand: true },
    { unavailable: "vendor", code: "whmcs-unreadable" },
  ],
  [
    "no answer in time",
    network("deadline"),
    { unknown: "whmcs-timeout", mayStillLand: true },
    { unavailable: "vendor", code: "whmcs-timeout" },
  ],
  [
    "a dropped connection",
    network("dropped"),
    { unknown: "whmcs-connection-lost", mayStillLand: true },
    { unavailable: "vendor", code: "whmcs-connection-lost" },
  ],
  ["nobody there", network("not-reached"), { unavailable: "vendor", code: "whmcs-not-reached" }],
];

describe("what WHMCS's answers mean", () => {
  test.for(rows)("%s", ([, trouble, toAWrite, toARead = toAWrite]) => {
    expect(meaning(whmcsError({ action: "AddOrder", writes: true, trouble }))).toEqual(toAWrite);
    expect(meaning(whmcsError({ action: "GetOrders", writes: false, trouble }))).toEqual(toARead);
  });
});

describe("what a person reads", () => {
  test("repeats a message only where it is known to hold no customer's data", () => {
    const read = (message: string) =>
      whmcsError({ action: "AddOrder", writes: true, trouble: refused(message) }).message;
    expect(read("Expecting parameter 'pid' to be an array")).toContain("Expecting parameter 'pid' to be an array");
    expect(read("Client 渋谷 花子 is on hold")).not.toContain("花子");
    expect(read("Client ID Not Found: 渋谷 花子")).not.toContain("花子");
    expect(read("Invalid IP 203.0.113.9")).not.toContain("203.0.113.9");
  });
});
