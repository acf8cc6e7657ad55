import { expect, it } from "vitest";
import { inSystem, until } from "./system.ts";

it("what a worker finds missing at a vendor stands on every process's /readyz, which stays ready", () =>
  inSystem(async (system) => {
    const api = await system.start({ ROLES: "api" });
    const worker = await system.start({ ROLES: "worker", WHMCS_PAYMENT_METHOD: "bitcoin" });
    const warning = await until(async () => /"(WHMCS, payment [^"]*)"/.exec(await api.text("/readyz"))?.[1], worker);
    expect(warning).toBe(
      "WHMCS, payment method bitcoin: missing. Activate it in WHMCS, or set WHMCS_PAYMENT_METHOD to one that is active: banktransfer, creditcard.",
    );
    expect(await api.status("/readyz")).toBe(200);
    await until(() => worker.stdout().includes("vendors are not set up as Handoff needs them") || undefined, worker);
  }));
