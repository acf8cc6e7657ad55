import type { Billing, Client, Cycle, Product } from "./billing.ts";
import { WhmcsError, clientOr, yen } from "./billing.ts";
import type { Parameters } from "./parameters.ts";

/** GetClientsDetails, AddClient and GetProducts. */

const CYCLES: readonly Exclude<Cycle, "onetime">[] = [
  "monthly",
  "quarterly",
  "semiannually",
  "annually",
  "biennially",
  "triennially",
];
/** What AddClient asks for, each with the words of its refusal. */
const NEEDED: Readonly<Record<string, string>> = {
  firstname: "You did not enter your first name",
  lastname: "You did not enter your last name",
  email: "You did not enter your email address",
  address1: "You did not enter your address (line 1)",
  city: "You did not enter your city",
  state: "You did not enter your state",
  postcode: "You did not enter your postcode",
  country: "You did not enter your country",
  phonenumber: "You did not enter your phone number",
  password2: "You did not enter a password",
};

/** The client stands in `client`, and once more at the root, as older versions had it. */
export function getClientsDetails(billing: Billing, given: Parameters): object {
  const email = given.text("email").toLowerCase();
  const byEmail =
    email === "" ? undefined : [...billing.clients.values()].find((client) => client.email.toLowerCase() === email);
  const {
    id,
    firstname,
    lastname,
    email: address,
    status,
  } = byEmail ?? clientOr(billing, given.text("clientid"), "Client Not Found");
  const client = {
    userid: id,
    id,
    uuid: `00000000-0000-4000-8000-${String(id).padStart(12, "0")}`,
    firstname,
    lastname,
    fullname: `${firstname} ${lastname}`,
    companyname: "",
    email: address,
    countrycode: "JP",
    country: "JP",
    currency: 1,
    currency_code: "JPY",
    status,
    customfields: [],
  };
  return { ...client, client_id: id, client };
}

export function addClient(billing: Billing, given: Parameters): object {
  if (!given.flag("skipvalidation")) {
    const [missing] = Object.entries(NEEDED).filter(([name]) => given.text(name) === "");
    if (missing !== undefined) throw new WhmcsError(missing[1]);
  }
  const email = given.text("email");
  if ([...billing.clients.values()].some((client) => client.email.toLowerCase() === email.toLowerCase()))
    throw new WhmcsError("A user already exists with that email address");
  const client: Client = {
    id: billing.next("client"),
    firstname: given.text("firstname"),
    lastname: given.text("lastname"),
    email,
    status: "Active",
  };
  billing.clients.set(client.id, client);
  return { clientid: String(client.id), owner_id: client.id };
}

function pricing(product: Product): object {
  const off = Object.fromEntries(CYCLES.map((cycle) => [cycle, "-1.00"]));
  const on = product.cycle === "onetime" ? "monthly" : product.cycle; // WHMCS keeps a one-time price in the monthly column
  return { JPY: { prefix: "¥", suffix: " JPY", msetupfee: yen(0), ...off, [on]: yen(product.price) } };
}

/** Knows no add-ons, and shows only custom fields that stand on the order form: the Opportunity's does not. */
export function getProducts(billing: Billing, given: Parameters): object {
  const wanted = given
    .text("pid")
    .split(",")
    .map((pid) => pid.trim())
    .filter((pid) => pid !== "");
  const rows = [...billing.products.values()].filter(({ pid }) => wanted.length === 0 || wanted.includes(String(pid)));
  const product = rows.map((row) => ({
    pid: row.pid,
    gid: 1,
    type: "other",
    name: row.name,
    description: "",
    module: row.module,
    paytype: row.cycle === "onetime" ? "onetime" : "recurring",
    pricing: pricing(row),
    customfields: {
      customfield: row.customFields
        .filter(({ onOrderForm }) => onOrderForm === true)
        .map(({ id, name }) => ({ id, name, description: "", required: "" })),
    },
    configoptions: { configoption: [] },
  }));
  return { totalresults: rows.length, products: { product } };
}
