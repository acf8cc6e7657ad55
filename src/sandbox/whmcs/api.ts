import type { RequestHandler } from "express";
import type { Answer, Stage } from "../exchange.ts";
import { exchange, send } from "../exchange.ts";
import type { Billing } from "./billing.ts";
import { WHMCS_CREDENTIALS, WhmcsError, getPaymentMethods } from "./billing.ts";
import { addClient, getClientsDetails, getProducts } from "./clients.ts";
import { acceptOrder, addOrder, cancelOrder, getOrders } from "./orders.ts";
import type { Parameters } from "./parameters.ts";
import { parameters } from "./parameters.ts";
import { parsePhpForm } from "./php-form.ts";
import { getClientsProducts, moduleTerminate, updateClientProduct } from "./services.ts";

/** WHMCS's API, `includes/api.php`: one address, the action in the form. */

const ACTIONS: Readonly<Record<string, (billing: Billing, given: Parameters) => object>> = {
  AddOrder: addOrder,
  AcceptOrder: acceptOrder,
  CancelOrder: cancelOrder,
  GetOrders: getOrders,
  GetClientsProducts: getClientsProducts,
  UpdateClientProduct: updateClientProduct,
  ModuleTerminate: moduleTerminate,
  GetClientsDetails: getClientsDetails,
  AddClient: addClient,
  GetProducts: getProducts,
  GetPaymentMethods: getPaymentMethods,
};
/** Parameters that tell a reader of the call log what a call was about; no others are kept. */
const TOLD = ["clientid", "orderid", "serviceid", "id", "userid", "pid", "billingcycle", "limitstart"];

function checkCredentials(given: Parameters): void {
  const identifier = given.text("identifier");
  if (identifier !== "" && identifier !== WHMCS_CREDENTIALS.identifier)
    throw new WhmcsError("Invalid or missing credentials", 403);
  if (identifier === "" || given.text("secret") !== WHMCS_CREDENTIALS.secret)
    throw new WhmcsError("Authentication Failed", 403);
}

/** JSON where it is asked for; otherwise the old `name=value;` lines. */
function shown(given: Parameters, status: number, body: { readonly [name: string]: unknown }): Answer {
  if (given.text("responsetype") === "json") return { status, body };
  return {
    status,
    body: Object.entries(body)
      .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)};`)
      .join(""),
  };
}

function summaryOf(action: string, given: Parameters): string {
  const told = TOLD.flatMap((name) => {
    const value = given.text(name);
    return value === "" ? [] : [`${name}=${value}`];
  });
  return [action, ...told].join(" ");
}

/** Serves `POST /whmcs/includes/api.php`. Wrong credentials are refused before any fault is met. */
export function whmcsApi(billing: () => Billing, stage: Stage): RequestHandler {
  return (request, response) => {
    const isForm = (request.get("content-type") ?? "").startsWith("application/x-www-form-urlencoded");
    const given = parameters(parsePhpForm(isForm && typeof request.body === "string" ? request.body : ""));
    const refused = (error: WhmcsError) => shown(given, error.status, { result: "error", message: error.message });
    const asked = given.text("action");
    const [name, action] = Object.entries(ACTIONS).find(([known]) => known.toLowerCase() === asked.toLowerCase()) ?? [];
    try {
      checkCredentials(given);
      if (asked === "") throw new WhmcsError("Empty action request", 400);
      if (name === undefined || action === undefined)
        throw new WhmcsError(`Invalid API Action: "${asked}" is not a valid API action`);
    } catch (error) {
      if (!(error instanceof WhmcsError)) throw error;
      stage.calls.arrived("whmcs", name ?? "refused", error.message).answered(error.status);
      send(response, refused(error));
      return;
    }
    exchange(stage, response, {
      vendor: "whmcs",
      operation: name,
      summary: summaryOf(name, given),
      perform: () => {
        try {
          return shown(given, 200, { result: "success", ...action(billing(), given) });
        } catch (error) {
          if (error instanceof WhmcsError) return refused(error);
          throw error;
        }
      },
      vendorError: (fault) =>
        shown(given, fault.status ?? 200, {
          result: "error",
          message: typeof fault.body === "string" ? fault.body : "The sandbox was told to answer an error",
        }),
    });
  };
}
