import { lookup as lookUp, type LookupAddress } from "node:dns";
import http from "node:http";
import https from "node:https";
import type { LookupFunction } from "node:net";
import { Webhook } from "standardwebhooks";
import { ALERTS_CLIENT } from "../../domain/clients.ts";
import { RejectedError } from "../../domain/errors.ts";
import { isPublicAddress } from "../../domain/public-address.ts";
import type { VendorCall } from "../../domain/vendor-call.ts";
import type { Settings } from "../../settings.ts";
import { type Answer, callbackError, PrivateAddressError, settingOf } from "./errors.ts";

/** Posts events to the clients that registered a URL, and to whoever hears of alerts. Throws errors of `domain/errors.ts` only. */
export interface Callbacks {
  /** Resolves once the client's receiver has taken the event. `id`: the same however often the event is posted. */
  post(client: string, id: string, event: object): Promise<void>;
}

export type CallbackSettings = Pick<
  Settings,
  "CALLBACK_URLS" | "CALLBACK_SECRETS" | "CALLBACK_PRIVATE" | "ALERT_WEBHOOK" | "ALERT_WEBHOOK_SECRET"
>;

/**
 * The client for receivers of callbacks, signing as the Standard Webhooks specification says. It connects by itself, by
 * no proxy and no kept connection, so that each address is judged at the moment of connecting.
 */
export function callbackClient({ settings, call }: { settings: CallbackSettings; call: VendorCall }): Callbacks {
  const { CALLBACK_URLS: urls = [], CALLBACK_SECRETS: secrets = [], CALLBACK_PRIVATE: isPrivateAllowed } = settings;
  const { ALERT_WEBHOOK: alerts, ALERT_WEBHOOK_SECRET: alertSecrets = [] } = settings;
  const all = [
    ...urls.map(({ client, url }) => ({ client, url, own: secrets.filter((one) => one.client === client) })),
    ...(alerts === undefined
      ? []
      : [{ client: ALERTS_CLIENT, url: alerts, own: alertSecrets.map((secret) => ({ secret })) }]),
  ];
  const receivers = new Map(
    all.map(({ client, url, own }) => [
      client,
      {
        url: new URL(url.reveal()),
        // Both secrets of a client that changes its secret: the receiver finds the one that it knows.
        signers: own.map(({ secret }) => new Webhook(secret.reveal())),
      },
    ]),
  );

  return {
    post: (client, id, event) =>
      call("post", async (signal, _tellUsed, send) => {
        const receiver = receivers.get(client);
        if (receiver === undefined) throw notSetUp(client);
        const body = JSON.stringify(event);
        const now = new Date();
        const headers = {
          "content-type": "application/json",
          "user-agent": "Handoff",
          "webhook-id": id,
          "webhook-timestamp": String(Math.floor(now.getTime() / 1000)),
          "webhook-signature": receiver.signers.map((signer) => signer.sign(id, now, body)).join(" "),
        };
        const lookup = isPrivateAllowed === "on" ? undefined : publicOnly();
        let answer;
        try {
          answer = await send<Answer>(
            {
              writes: true,
              parts: () => [{ to: `POST to ${client}`, fields: { "webhook-id": id, event } }],
              isPlain: () => true, // an event holds nothing personal
              taken: () => ({ status: 200, retryAfter: undefined }),
            },
            () => postOnce(receiver.url, { headers, body, signal, lookup }),
          );
        } catch (thrown) {
          answer = { thrown };
        }
        if ("status" in answer && answer.status >= 200 && answer.status < 300) return;
        throw callbackError(client, answer, now);
      }),
  };
}

interface Exchange {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Ends the whole exchange. */
  readonly signal: AbortSignal;
  readonly lookup: LookupFunction | undefined;
}

/** One post; of the answer only its head is read. */
async function postOnce(
  url: URL,
  { headers, body, signal, lookup }: Exchange,
): Promise<{ status: number; retryAfter: string | undefined }> {
  const { request, Agent } = url.protocol === "https:" ? https : http;
  const agent = new Agent({ keepAlive: false });
  return await new Promise((resolve, reject) => {
    const asking = request(url, { method: "POST", headers, signal, agent, ...(lookup !== undefined && { lookup }) });
    asking.on("error", reject);
    asking.on("response", (response) => {
      const { statusCode: status = 0, headers: said } = response;
      response.on("error", () => undefined).destroy(); // a body, however long, is nobody's business
      resolve({ status, retryAfter: said["retry-after"] });
    });
    asking.end(body);
  });
}

type Resolver = (
  hostname: string,
  options: { all: true },
  told: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Looks a name up for a connection that is about to be made, and refuses it where any of its addresses is not public: what
 * was judged is what is connected to, so a name that changes its address in between gains nothing.
 */
export function publicOnly(resolve: Resolver = lookUp): LookupFunction {
  return (hostname, options, told) => {
    resolve(hostname, { ...options, all: true }, (error, addresses) => {
      const [first] = addresses ?? [];
      if (error !== null || first === undefined) return told(error ?? new PrivateAddressError(), "");
      if (!addresses.every(({ address }) => isPublicAddress(address))) return told(new PrivateAddressError(), "");
      if (options.all === true) told(null, addresses);
      else told(null, first.address, first.family);
    });
  };
}

function notSetUp(client: string): RejectedError {
  return new RejectedError({
    vendor: null,
    code: "callback-not-set-up",
    title: `There is no address for callbacks of ${client}.`,
    detail: `It was taken out of ${settingOf(client)} since. Set it again and retry, or discard this job.`,
  });
}
