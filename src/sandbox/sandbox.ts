import { createServer } from "node:http";
import express from "express";
import { callLog } from "./calls.ts";
import { controlRoutes } from "./control.ts";
import { faultList } from "./faults.ts";
import { freebitApi } from "./freebit/api.ts";
import { startMailServer } from "./mail.ts";
import { pageRoutes } from "./page.ts";
import { salesforceData, salesforceToken } from "./salesforce/rest.ts";
import { timers } from "./timers.ts";
import { whmcsApi } from "./whmcs/api.ts";
import type { World } from "./world.ts";
import { worldOf } from "./world.ts";

export interface SandboxOptions {
  readonly host?: string;
  /** 0 takes a free one, as does the default. */
  readonly port?: number;
  readonly smtpPort?: number;
  /** Where approved orders are announced. */
  readonly outboundUrl?: string;
  /** Gives Orders and outbound messages other ids at each start, for a system that remembers those of the last one. */
  readonly newIds?: boolean;
  /** Waits between the tries of an outbound message, in milliseconds. */
  readonly redeliveryMs?: readonly number[];
}

export interface Sandbox {
  /** Salesforce's login address, and the page's; WHMCS is at `/whmcs` below it, Freebit at `/freebit`. */
  readonly url: string;
  readonly smtpUrl: string;
  readonly close: () => Promise<void>;
}

/** Large enough for a document in base64. */
const LARGEST_BODY = "60mb";

function application(world: World) {
  const app = express();
  app.disable("x-powered-by");
  app.set("etag", false);
  const raw = express.text({ type: () => true, limit: LARGEST_BODY });
  const bytes = express.raw({ type: () => true, limit: LARGEST_BODY });
  app.post("/services/oauth2/token", raw, salesforceToken(world.salesforce, world.stage));
  app.use("/services/data", bytes, salesforceData(world.salesforce, world.stage));
  app.post("/whmcs/includes/api.php", raw, whmcsApi(world.billing, world.stage));
  app.use("/freebit", raw, freebitApi({ lines: world.lines, keys: world.freebitKeys, stage: world.stage }));
  app.use("/control", controlRoutes(world));
  app.use("/", pageRoutes(world));
  return app;
}

/** Starts the stand-ins for Salesforce, WHMCS, Freebit and the mail server; resolves once all of them listen. */
export async function startSandbox({
  host = "127.0.0.1",
  port = 0,
  smtpPort = 0,
  outboundUrl,
  redeliveryMs,
  newIds = false,
}: SandboxOptions = {}): Promise<Sandbox> {
  const stage = { faults: faultList(), calls: callLog(), timers: timers() };
  const mail = await startMailServer(stage, host, smtpPort);
  let url = "";
  const world = worldOf({
    stage,
    mail,
    instanceUrl: () => url,
    outboundUrl: outboundUrl ?? null,
    redeliveryMs,
    newIds,
  });
  const server = createServer(application(world));
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    await mail.close();
    throw error;
  }
  const address = server.address();
  const named = host.includes(":") ? `[${host}]` : host;
  url = `http://${named}:${String(typeof address === "object" && address !== null ? address.port : port)}`;
  return {
    url,
    smtpUrl: `smtp://${named}:${String(mail.port)}`,
    close: async () => {
      stage.timers.cancelAll();
      world.outbound().cancelAll();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      await Promise.all([closed, mail.close()]);
    },
  };
}
