import type { Html } from "./html.ts";
import { html } from "./html.ts";
import { id, newest, tableOf, text } from "./page-tables.ts";
import type { World } from "./world.ts";

/** The page's Files, its event bus and its clock. */

/** Never the bytes: what stands on an identity card is nobody's business here. */
export function fileTable(world: World): Html {
  const files = newest(world, "ContentVersion").map((file) => [
    id(file["Id"]),
    text(file["Title"]),
    text(file["FileExtension"]),
    `${Number(file["ContentSize"] ?? 0).toLocaleString("en")} bytes`,
    id(file["Checksum"]),
    id(file["FirstPublishLocationId"]),
  ]);
  return tableOf(
    "files",
    "Salesforce Files",
    ["Id", "Title", "Type", "Size", "MD5", "Published on"],
    files,
    "No files.",
  );
}

export function eventTable(world: World): Html {
  const { events, streaming } = world.salesforce();
  const rows = events
    .retained()
    .toReversed()
    .map(({ data }) => [
      String(data.event.replayId),
      html`<span class="soft">${text(data.payload["CreatedDate"])}</span>`,
      id(data.payload["Order_Id__c"]),
      id(data.event.EventUuid),
    ]);
  const listeners = streaming.clients();
  const told = `${listeners === 0 ? "Nobody listens" : `${String(listeners)} listening`}; an approval ${world.switches().publishOnApproval ? "publishes one" : "publishes none"}.`;
  const form = html`<form class="fault" method="post" action="/page/events">
    <label>Order<input name="orderId" required maxlength="18" size="20" placeholder="801…" /></label>
    <button>Publish</button><span class="soft">${told}</span>
  </form>`;
  return tableOf(
    "events",
    "Platform events",
    ["Replay id", "At", "Order", "UUID"],
    rows,
    "None in the last 72 hours.",
    form,
  );
}

const JAPAN_MS = 9 * 60 * 60 * 1000;

export function clockSection(world: World): Html {
  const isSet = world.clock.isSet();
  const japan = new Date(world.now() + JAPAN_MS).toISOString().slice(0, 19);
  return html`<section>
    <div class="bar">
      <h2 id="clock">
        Clock<span class="count">${japan.replace("T", " ")} in Japan</span
        ><span class="${isSet ? "wait" : "soft"}">${isSet ? " set" : " real time"}</span>
      </h2>
      <form method="post" action="/page/clock">
        <input type="hidden" name="now" value="" /><button>Real time</button>
      </form>
    </div>
    <form class="fault" method="post" action="/page/clock">
      <label>Day and time in Japan<input name="now" type="datetime-local" step="1" value="${japan}" required /></label>
      <button>Set</button
      ><span class="soft">What Salesforce and WHMCS date their records by; it runs on from there.</span>
    </form>
  </section>`;
}
