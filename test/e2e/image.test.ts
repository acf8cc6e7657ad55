import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { built } from "../built.ts";
import { openBrowser, signIn } from "../dashboard/site.ts";
import { s3Place } from "../integrations/documents/places.ts";
import { API_KEY, listening } from "./process.ts";
import { inSystem, run, until } from "./system.ts";

const ROOT = path.join(import.meta.dirname, "../..");

it("the files that the Dockerfile puts into the image are all that the program needs, of what it loads on demand, too", () =>
  inSystem(async (system) => {
    const documents = await s3Place();
    onTestFinished(() => documents.close());
    const settings = {
      ...system.everything,
      ...documents.environment,
      SALESFORCE_EVENTS: "on",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
    };
    const dist = path.join(await image(), "dist");
    const program = run(settings, path.join(dist, "main.js"));
    onTestFinished(() => program.signal("SIGKILL"));
    const handoff = await listening(program);
    await handoff.ready();

    const form = new FormData();
    form.set("accountId", await system.seed("accounts", "unasked"));
    form.set("file", new Blob(["%PDF-1.7\n"]), "card.pdf");
    const headers = { authorization: `Bearer ${API_KEY}` };
    const sent = await fetch(`${handoff.url}/api/verification/residence-card`, { method: "POST", headers, body: form });
    const { id } = (await sent.json()) as { readonly id: string }; // a job's view
    await handoff.until(id, "completed");

    const order = await system.approvedOrder();
    await until(async () => {
      await system.publish(order); // heard once the worker listens; what is heard twice is taken in once
      return (await system.jobs("provisioning")) > 0 || undefined;
    });

    const browser = openBrowser(handoff);
    await signIn(browser, { name: "olga" });
    const page = await (await browser.get("/admin/queues/")).text();
    const [, script = ""] = /<script[^>]* src="([^"]+)"/.exec(page) ?? [];
    const answer = await browser.get(new URL(script, `${handoff.url}/admin/queues/`).pathname);
    expect(answer.headers.get("content-type")).toMatch(/javascript/);

    const others = ["audit-verify.js", "doctor.js", "preflight.js", "user-add.js", "user-end.js", "sandbox/main.js"];
    expect(new Set(await readdir(dist))).toEqual(
      new Set(["main.js", "ward-main.js", "parts", ...others.map((name) => name.split("/")[0])]),
    );
    for (const other of others) expect(await firstWords(path.join(dist, other))).not.toMatch(/cannot find|ERR_/i);
  }));

/** What a program says that is told nothing. */
async function firstWords(program: string): Promise<string> {
  const child = spawn(process.execPath, [program], {
    env: { SANDBOX_PORT: "0", SANDBOX_SMTP_PORT: "0" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said += String(text)));
  const over = once(child, "close");
  await Promise.race([over, once(child.stdout, "data")]);
  child.kill();
  await over;
  expect(said).not.toBe("");
  return said;
}

/** A folder with what the image's last stage gets. */
async function image(): Promise<string> {
  const app = await mkdtemp(path.join(tmpdir(), "image-"));
  onTestFinished(() => rm(app, { recursive: true }));
  const last = (await readFile(path.join(ROOT, "Dockerfile"), "utf8")).split(/^FROM /m).at(-1) ?? "";
  for (const [, from = "", to = ""] of last.matchAll(/^COPY (?:--from=build \/app\/)?(\S+) (\S+)$/gm))
    await cp(from === "dist" ? path.dirname(built("main")) : path.join(ROOT, from), path.join(app, to), {
      recursive: true,
    });
  return app;
}
