import express from "express";
import type { Request, Response, Router } from "express";
import * as z from "zod";
import { FAULT_MODES, VENDORS } from "./faults.ts";
import type { FaultMode } from "./faults.ts";
import { send } from "./exchange.ts";
import { SalesforceError } from "./salesforce/errors.ts";
import { ACCESSES, fieldAt } from "./salesforce/permissions.ts";
import { knownObject } from "./salesforce/records.ts";
import type { Records } from "./salesforce/records.ts";
import { answered } from "./salesforce/resources.ts";
import { shownRecord, wholeState } from "./state.ts";
import type { World } from "./world.ts";

/** The switches, under `/control`: faults, calls, state, and records that are changed from outside the vendors' APIs. */

const modes = Object.keys(FAULT_MODES) as FaultMode[]; // the keys of a constant object are its type's keys
export const faultOrder = z.strictObject({
  vendor: z.enum(VENDORS),
  operation: z.string().min(1),
  mode: z.enum(modes),
  times: z.coerce.number().int().min(1).default(1),
  skip: z.coerce.number().int().min(0).default(0),
  delayMs: z.coerce.number().int().min(0).max(600_000).default(1000),
  status: z.coerce.number().int().min(200).max(599).optional(),
  body: z.unknown().optional(),
  code: z.string().min(1).optional(),
});

const httpUrl = z.url({ protocol: /^https?$/ });
const recordInput = z.strictObject({
  object: z.string(),
  id: z.string().optional(),
  fields: z.record(z.string(), z.unknown()),
});
const outboundInput = z.strictObject({ orderIds: z.array(z.string()).min(1).max(100), to: httpUrl.optional() });
const urlInput = z.strictObject({ url: httpUrl.nullable() });
const clockInput = z.strictObject({ now: z.iso.datetime({ offset: true }).nullable() });
const eventsInput = z.strictObject({ publishOnApproval: z.boolean() });
const eventInput = z.strictObject({ orderId: z.string().min(1).max(18) });
const permissionsInput = z.record(
  z.string().refine((path) => fieldAt(path) !== undefined, "must name a field of the org: Case.Subject"),
  z.enum(ACCESSES),
);
const limitsInput = z.strictObject({ dailyMax: z.number().int().min(0), used: z.number().int().min(0).optional() });
const keyInput = z.strictObject({ pem: z.string().nullable() });

/** Answers 400 with the problems where the body is not what `schema` says, and does nothing. */
function accepting<T>(
  schema: z.ZodType<T>,
  handle: (input: T, request: Request, response: Response) => void | Promise<void>,
) {
  return async (request: Request, response: Response) => {
    const parsed = schema.safeParse(request.body);
    if (parsed.success) await handle(parsed.data, request, response);
    else
      response
        .status(400)
        .json({ errors: parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message })) });
  };
}

/** Makes a record, or changes the one named; the same checks apply as through the API. The answer is the whole record. */
function edited(records: Records, object: string, id: string | undefined, fields: Readonly<Record<string, unknown>>) {
  const type = knownObject(object);
  if (id !== undefined) records.update(type, id, fields);
  const changed = id === undefined ? records.create(type, fields) : records.existing(type, id);
  return shownRecord(records, type, records.tables.row(type, changed) ?? {});
}

export function controlRoutes(world: World): Router {
  const routes = express.Router();
  routes.use(express.json({ limit: "1mb" }));
  const { faults, calls } = world.stage;

  routes.get("/state", (_, response) => {
    response.json(wholeState(world));
  });
  routes.post("/reset", (_, response) => {
    world.reset();
    response.status(204).end();
  });

  routes.put(
    "/clock",
    accepting(clockInput, ({ now }, _, response) => {
      world.clock.set(now === null ? null : Date.parse(now));
      response.status(204).end();
    }),
  );

  routes.get("/faults", (_, response) => {
    response.json(faults.active());
  });
  routes.post(
    "/faults",
    accepting(faultOrder, (order, _, response) => {
      response.status(201).json(faults.add(order));
    }),
  );
  routes.delete("/faults", (_, response) => {
    faults.clear();
    response.status(204).end();
  });

  routes.get("/calls", (_, response) => {
    response.json(calls.all());
  });
  routes.delete("/calls", (_, response) => {
    calls.clear();
    response.status(204).end();
  });

  routes.post(
    "/records",
    accepting(recordInput, ({ object, id, fields }, _, response) => {
      send(
        response,
        answered(() => ({
          status: id === undefined ? 201 : 200,
          body: edited(world.salesforce().records, object, id, fields),
        })),
      );
    }),
  );
  routes.patch(
    "/records/:object/:id",
    accepting(z.record(z.string(), z.unknown()), (fields, { params }, response) => {
      send(
        response,
        answered(() => ({
          status: 200,
          body: edited(world.salesforce().records, String(params["object"]), String(params["id"]), fields),
        })),
      );
    }),
  );
  routes.post("/expire-sessions", (_, response) => {
    const { sessions, streaming } = world.salesforce();
    sessions.expireAll();
    streaming.checkSessions(sessions.isOpen);
    response.status(204).end();
  });
  routes.post("/expire-freebit-keys", (_, response) => {
    world.freebitKeys.expireAll();
    response.status(204).end();
  });
  routes.post("/expire-freebit-keys", (_, response) => {
    world.freebitKeys.expireAll();
    response.status(204).end();
  });
  routes.put(
    "/jwt-public-key",
    accepting(keyInput, ({ pem }, _, response) => {
      world.salesforce().sessions.trustPublicKey(pem);
      response.status(204).end();
    }),
  );

  routes.put(
    "/events",
    accepting(eventsInput, ({ publishOnApproval }, _, response) => {
      world.switches().publishOnApproval = publishOnApproval;
      response.status(204).end();
    }),
  );
  routes.post(
    "/events",
    accepting(eventInput, ({ orderId }, _, response) => {
      const event = world
        .salesforce()
        .events.publish(knownObject("OrderProvisionRequested__e"), { Order_Id__c: orderId });
      response.status(201).json(event);
    }),
  );
  routes.post("/drop-streaming-clients", (_, response) => {
    world.salesforce().streaming.dropClients();
    response.status(204).end();
  });

  routes.put(
    "/permissions",
    accepting(permissionsInput, (accesses, _, response) => {
      world.salesforce().permissions.set(accesses);
      response.status(204).end();
    }),
  );
  routes.put(
    "/limits",
    accepting(limitsInput, ({ dailyMax, used }, _, response) => {
      const { usage } = world.salesforce();
      usage.setDailyMax(dailyMax);
      if (used !== undefined) usage.setUsed(used);
      response.status(204).end();
    }),
  );

  routes.put(
    "/outbound-url",
    accepting(urlInput, ({ url }, _, response) => {
      world.outbound().setUrl(url);
      response.status(204).end();
    }),
  );
  routes.post(
    "/outbound-messages",
    accepting(outboundInput, async ({ orderIds, to }, _, response) => {
      const outbound = world.outbound();
      const url = to ?? outbound.url();
      if (url === null) {
        response.status(409).json({
          errors: [{ path: "to", message: "no outbound URL is set: PUT /control/outbound-url, or name one here" }],
        });
        return;
      }
      try {
        const { records } = world.salesforce();
        const ids = orderIds.map((id) => records.existing(knownObject("Order"), id));
        response.json(await outbound.send(ids, url));
      } catch (error) {
        if (!(error instanceof SalesforceError)) throw error;
        response.status(error.status).json({ errors: [{ path: "orderIds", message: error.message }] });
      }
    }),
  );
  return routes;
}
