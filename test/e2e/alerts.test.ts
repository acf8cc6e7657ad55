import { expect, it } from "vitest";
import { openBrowser, signIn } from "../dashboard/site.ts";
import { textOf } from "../processors/line.ts";
import { inSystem, until } from "./system.ts";

it("somebody is told of failed jobs by mail, with a link to what the desk says of them", () =>
  inSystem(async (system) => {
    const handoff = await system.start({ ROLES: "api,dashboard" });
    const worker = {
      SMTP_URL: system.sandbox.smtpUrl,
      MAIL_FROM: "portal@sonixnet.example",
      ADMIN_EMAIL: "operations@sonixnet.example",
      PUBLIC_URL: handoff.url,
    };
    await system.start(worker, "worker");
    const orderId = await system.approvedOrder();
    await system.edit("Account", await system.seed("accounts", "apartmentEligible"), { WH_Account__c: null });
    const { id } = await handoff.accepted("/api/provisioning", { orderId });
    await handoff.until(id, "failed");

    // Its turn to look comes again in half a minute: another worker need not wait for that.
    const redis = system.redis.connect();
    await redis.del("{handoff}:alerts-turn");
    redis.disconnect();
    await system.start(worker, "worker");

    const mail = await until(async () => (await system.state()).mails[0]);
    expect(mail.to).toEqual(["operations@sonixnet.example"]);
    const [link = ""] = /^http:\S+$/m.exec(textOf(mail)) ?? [];
    const browser = openBrowser(handoff);
    await signIn(browser, { name: "olga" });
    const page = await (await browser.get(link.replace(handoff.url, ""))).text();
    expect(page).toContain(id);
  }));
