import { expect, it } from "vitest";
import { API_KEY, inSystem } from "./system.ts";

it("ends the streams of whoever follows a job when it stops, and another process goes on where they were", () =>
  inSystem(async (system) => {
    const LIMIT_MS = 10_000;
    const first = await system.start({ SHUTDOWN_TIMEOUT_MS: String(LIMIT_MS) }, "api");
    const second = await system.start({}, "api");
    const { id } = await first.accepted("/api/provisioning", {
      orderId: await system.approvedOrder(),
    });
    const headers = { authorization: `Bearer ${API_KEY}` };
    const hearing = await fetch(`${first.url}/api/jobs/${id}/events`, { headers });
    const toldAt = performance.now();
    first.signal("SIGTERM");
    const told = await hearing.text();
    expect(told).toMatch(/event: state\ndata: {"state":"queued"/);
    expect(await first.ended).toEqual({ code: 0, signal: null });
    expect(performance.now() - toldAt).toBeLessThan(LIMIT_MS / 2);

    await system.start({}, "worker");
    const last = /id: (\S+)/.exec(told)?.[1] ?? "";
    const rest = await fetch(`${second.url}/api/jobs/${id}/events`, { headers: { ...headers, "last-event-id": last } });
    const story = await rest.text();
    expect(story).not.toContain('"state":"queued"');
    expect(story).toMatch(/event: end\ndata: {.*"state":"completed".*}\n\n$/);
  }));
