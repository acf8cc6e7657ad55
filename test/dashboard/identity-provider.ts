import { once } from "node:events";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type AccountClaims, type Configuration, Provider } from "oidc-provider";

/** A company's own OpenID Connect provider on this machine, whose people sign in without being asked anything. */
export interface IdentityProvider {
  readonly issuer: string;
  /** What somebody meets who is sent to `url`, up to where the provider sends them back to. `as`: who they are; null: they turn back. */
  visit(url: string, as: string | null): Promise<URL>;
  /** What was asked of the provider, by path. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

export const CLIENT = { id: "handoff", secret: "the secret of handoff at the provider" } as const;

interface ProviderOptions {
  readonly redirectUri: string;
  /** What the provider says of each person. */
  readonly people: Readonly<Record<string, Omit<AccountClaims, "sub">>>;
  /** Where it says so: at its userinfo address alone, as the standard has it, or in the ID token, too. */
  readonly inIdToken?: boolean;
  /** A port that was known before; by default a free one. */
  readonly port?: number;
  readonly authentication?: "client_secret_basic" | "client_secret_post";
}

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const KEY = { ...privateKey.export({ format: "jwk" }), kid: "signs", use: "sig", alg: "RS256" };
const SCOPE = "openid profile email";

export async function startProvider(options: ProviderOptions): Promise<IdentityProvider> {
  const { redirectUri, people, inIdToken = false, port = 0, authentication = "client_secret_basic" } = options;
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`; // it listens on TCP
  const configuration: Configuration = {
    clients: [
      {
        client_id: CLIENT.id,
        client_secret: CLIENT.secret,
        redirect_uris: [redirectUri],
        token_endpoint_auth_method: authentication,
      },
    ],
    clientAuthMethods: [authentication],
    jwks: { keys: [KEY] },
    cookies: { keys: [randomBytes(16).toString("hex")] },
    claims: {
      openid: ["sub"],
      profile: ["preferred_username", "roles", "realm_access"],
      email: ["email", "email_verified"],
    },
    conformIdTokenClaims: !inIdToken,
    features: { devInteractions: { enabled: false } },
    pkce: { required: () => true },
    ttl: { AccessToken: 60, AuthorizationCode: 60, IdToken: 60, Interaction: 60, Session: 60, Grant: 60 },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ sub, ...people[sub] }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: CLIENT.id, accountId: oidc.session?.accountId ?? "" });
      grant.addOIDCScope(SCOPE);
      await grant.save();
      return grant;
    },
  };
  const provider = new Provider(issuer, configuration);
  const serve = provider.callback();
  const asked: string[] = [];
  server.on("request", (request, response) => {
    const { pathname } = new URL(request.url ?? "", issuer);
    asked.push(pathname);
    if (!pathname.startsWith("/interaction/")) {
      void serve(request, response);
      return;
    }
    const who = request.headers["x-person"];
    const answer =
      typeof who === "string" && who !== ""
        ? { login: { accountId: who } }
        : { error: "access_denied", error_description: "<b>turned back</b>" };
    void provider.interactionFinished(request, response, answer, { mergeWithLastSubmission: false });
  });

  return {
    issuer,
    asked,
    async visit(url, as) {
      const cookies = new Map<string, string>();
      let next = new URL(url);
      while (next.origin === issuer) {
        const response = await fetch(next, {
          redirect: "manual",
          headers: {
            cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; "),
            "x-person": as ?? "",
          },
        });
        for (const cookie of response.headers.getSetCookie()) {
          const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
          cookies.set(name, value);
        }
        const location = response.headers.get("location");
        if (location === null)
          throw new Error(`the provider answers ${String(response.status)}: ${await response.text()}`);
        next = new URL(location, next);
      }
      return next;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
