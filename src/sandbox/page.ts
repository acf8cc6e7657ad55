import express from "express";
import type { Request, Response, Router } from "express";
import { FAULT_MODES, VENDORS } from "./faults.ts";
import type { Html } from "./html.ts";
import { html } from "./html.ts";
import { faultOrder } from "./control.ts";
import { STYLE } from "./page-style.ts";
import { freebitTable, salesforceTables, trafficTables, whmcsTables } from "./page-tables.ts";
import { actionRoutes } from "./page-actions.ts";
import { clockSection, eventTable, fileTable } from "./page-files-events.ts";
import type { World } from "./world.ts";

/** The page: what the vendors hold and what they were asked, with a few buttons. Drawn on the server, no script. */

function faultSection(world: World, problem: string | undefined): Html {
  const active = world.stage.faults.active();
  const rows = active.map(
    (fault) =>
      html`<tr>
        <td>${fault.vendor}</td>
        <td>${fault.operation}</td>
        <td class="bad">${fault.mode}</td>
        <td>${fault.left} of ${fault.times}</td>
        <td class="soft">${FAULT_MODES[fault.mode]}</td>
      </tr>`,
  );
  const list =
    active.length === 0
      ? html`<p class="empty">Nothing is broken: every vendor answers as usual.</p>`
      : html`<div class="wide">
          <table>
            <thead>
              <tr>
                <th>Vendor</th>
                <th>Operation</th>
                <th>Fault</th>
                <th>Left</th>
                <th>What it does</th>
              </tr>
            </thead>
            <tbody>
              ${rows}
            </tbody>
          </table>
        </div>`;
  return html`<section>
    <div class="bar">
      <h2 id="faults">Faults<span class="count">${active.length}</span></h2>
      <form method="post" action="/page/faults/clear"><button>Clear all</button></form>
    </div>
    ${list} ${problem === undefined ? null : html`<p class="empty bad">${problem}</p>`}
    <form class="fault" method="post" action="/page/faults">
      <label
        >Vendor<select name="vendor">
          ${VENDORS.map((vendor) => html`<option>${vendor}</option>`)}
        </select></label
      >
      <label>Operation<input name="operation" value="*" required list="operations" size="13" /></label>
      <label
        >Fault<select name="mode">
          ${Object.entries(FAULT_MODES).map(([mode, meaning]) => html`<option value="${mode}" title="${meaning}">${mode}: ${meaning}</option>`)}
        </select></label
      >
      <label>Times<input name="times" type="number" min="1" value="1" /></label>
      <label>Delay (ms)<input name="delayMs" type="number" min="0" placeholder="1000" /></label>
      <label>Status<input name="status" type="number" min="200" max="599" placeholder="503" /></label>
      <label>Code or message<input name="code" placeholder="QUERY_TIMEOUT" size="13" /></label>
      <button>Add fault</button>
      <datalist id="operations">
        ${["*", "token", "query", "create", "update", "upsert", "describe", "composite", "handshake", "subscribe", "connect", "AddOrder", "AcceptOrder", "GetOrders", "GetClientsProducts", "authOem", "cnclAcnt", "getDetail", "rcpt", "data"].map((name) => html`<option>${name}</option>`)}
      </datalist>
    </form>
  </section>`;
}

function page(world: World, problem?: string): string {
  const links = [
    "faults",
    "orders",
    "opportunities",
    "cases",
    "accounts",
    "files",
    "events",
    "whmcs-orders",
    "services",
    "lines",
    "mails",
    "outbound",
    "calls",
    "clock",
  ];
  const body = html`<!DOCTYPE html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="icon" href="data:," />
        <title>Handoff sandbox</title>
        <style>
          ${{ html: STYLE }}
        </style>
      </head>
      <body>
        <header>
          <div>
            <h1>Handoff sandbox</h1>
            <p>Stands in for Salesforce, WHMCS, Freebit and the mail server. Everything is in memory.</p>
          </div>
          <nav>
            ${links.map((name) => html`<a href="#${name}">${name.replace("-", " ")}</a>`)}<a href="/">refresh</a>
          </nav>
        </header>
        <main>
          ${faultSection(world, problem)}${salesforceTables(world)}${fileTable(world)}${whmcsTables(world)}${freebitTable(world)}${eventTable(world)}${trafficTables(world)}${clockSection(world)}
        </main>
        <footer>
          <form class="inline" method="post" action="/page/reset"><button>Start again from the seed</button></form>
        </footer>
      </body>
    </html>`;
  return body.html;
}

/** A form that another site's page sends here is not the person's own wish. */
const isForeign = (request: Request) => !["same-origin", "none", undefined].includes(request.get("sec-fetch-site"));

/** The fields of a form that hold something. */
function filledIn(form: unknown): Readonly<Record<string, unknown>> {
  const fields = typeof form === "object" && form !== null ? Object.entries(form) : [];
  return Object.fromEntries(fields.filter(([, value]) => value !== ""));
}

export function pageRoutes(world: World): Router {
  const routes = express.Router();
  routes.use("/page", express.urlencoded({ extended: false }), (request, response, next) => {
    if (isForeign(request)) response.status(403).send("This form was sent from another site.");
    else next();
  });
  const back = (response: Response, anchor: string) => response.redirect(303, `/#${anchor}`);

  routes.get("/", (_, response) => {
    response.set("Cache-Control", "no-store").type("html").send(page(world));
  });
  routes.post("/page/faults", (request, response) => {
    const given = filledIn(request.body);
    const message = given["mode"] === "error" && given["code"] !== undefined ? { body: given["code"] } : {};
    const order = faultOrder.safeParse({ ...given, ...message });
    if (order.success) {
      world.stage.faults.add(order.data);
      back(response, "faults");
    } else {
      response
        .status(400)
        .type("html")
        .send(page(world, order.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ")));
    }
  });
  routes.post("/page/faults/clear", (_, response) => {
    world.stage.faults.clear();
    back(response, "faults");
  });
  routes.use(
    "/page",
    actionRoutes(world, (problem) => page(world, problem)),
  );
  routes.post("/page/reset", (_, response) => {
    world.reset();
    back(response, "faults");
  });
  return routes;
}
