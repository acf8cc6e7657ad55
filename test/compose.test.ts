import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import * as z from "zod";

/** What the deployment promises, read from its files: no engine is needed to see that a promise went missing. */

const read = (name: string) => readFileSync(path.join(import.meta.dirname, "..", name), "utf8");
const SCHEMA = "test/fixtures/compose-spec/compose-spec.json";
const text = read("docker-compose.yml");

const service = z.object({
  image: z.string().optional(),
  build: z.string().optional(),
  user: z.string().optional(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  env_file: z.array(z.object({ path: z.string(), required: z.boolean() })).optional(),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).optional(),
  healthcheck: z.object({ test: z.array(z.string()) }).optional(),
  profiles: z.array(z.string()).optional(),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  networks: z.array(z.string()).default([]),
  restart: z.string(),
  read_only: z.boolean(),
  tmpfs: z.array(z.string()),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  stop_grace_period: z.string().optional(),
});
const { services, networks, volumes } = z
  .object({
    services: z.object({
      redis: service,
      api: service,
      worker: service,
      dashboard: service,
      sandbox: service,
      prometheus: service,
      grafana: service,
    }),
    networks: z.record(z.string(), z.object({ internal: z.boolean().optional() })),
    volumes: z.record(z.string(), z.unknown()),
  })
  .parse(parse(text, { merge: true }));

const roles = ["api", "worker", "dashboard"] as const;

describe("docker-compose.yml", () => {
  // It names its draft by an address that Ajv does not know, of the draft that Ajv takes for granted.
  const { $schema: _, ...schema } = z.record(z.string(), z.unknown()).parse(JSON.parse(read(SCHEMA)));
  // Some of its formats (durations, ports) are Compose's own.
  const validate = new Ajv({ strict: false, validateFormats: false, allErrors: true }).compile(schema);

  it("is what the Compose Specification calls valid", () => {
    validate(parse(text, { merge: true }));
    expect(validate.errors).toBeNull();
  });

  it("would not be valid with a misspelt key", () => {
    expect(validate(parse(text.replaceAll("cap_drop", "cap_dropp"), { merge: true }))).toBe(false);
  });

  it("runs each role as a process of its own, from one image", () => {
    for (const role of roles) {
      expect(services[role]).toMatchObject({ image: "handoff", build: ".", environment: { ROLES: role } });
    }
  });

  it("keeps Redis from losing what it accepted", () => {
    const command = services.redis.command?.join(" ");
    expect(services.redis.image).toBe("redis:7-alpine");
    expect(command).toContain("--appendonly yes");
    expect(command).toContain("--appendfsync always");
    expect(command).toContain("--maxmemory-policy noeviction");
    expect(services.redis.volumes).toEqual(["redis:/data"]);
    expect(volumes).toHaveProperty("redis");
  });

  it("starts the roles once Redis is healthy", () => {
    expect(services.redis.healthcheck?.test.join(" ")).toContain("redis-cli ping");
    for (const role of roles) {
      expect(services[role].depends_on).toEqual({ redis: { condition: "service_healthy" } });
      expect(services[role].environment).toMatchObject({ REDIS_URL: "redis://redis:6379" });
    }
  });

  it("hides Redis, and publishes the rest on loopback alone", () => {
    expect(services.redis.ports).toEqual([]);
    expect(services.redis.networks).toEqual(["queue"]);
    expect(networks["queue"]?.internal).toBe(true);
    const published = Object.values(services).flatMap(({ ports }) => ports);
    expect(published).toHaveLength(5);
    for (const port of published) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each(Object.entries(services))("gives %s no more rights than it needs", (_, one) => {
    expect(one).toMatchObject({
      restart: "unless-stopped",
      read_only: true,
      tmpfs: ["/tmp"],
      cap_drop: ["ALL"],
      security_opt: ["no-new-privileges:true"],
    });
  });

  it("gives each process longer to stop than it asks for", () => {
    for (const role of roles) expect(services[role].stop_grace_period).toBe("30s");
    expect(services.redis.stop_grace_period).toBe("30s");
  });

  it("shares the waiting documents between the door that takes them and the worker", () => {
    for (const role of ["api", "worker"] as const) {
      expect(services[role].volumes).toEqual(["documents:/data"]);
      expect(services[role].environment).toMatchObject({ DATA_DIR: "/data" });
    }
  });

  it("holds no secret: they come from .env, which may be absent", () => {
    for (const role of roles) expect(services[role].env_file).toEqual([{ path: ".env", required: false }]);
    expect(text).not.toMatch(/^\s+\w*(?:KEY|SECRET|PASSWORD|TOKEN)\w*:\s*\S/m);
  });

  it("brings the sandbox only where it is asked for", () => {
    expect(services.sandbox.profiles).toEqual(["sandbox"]);
    for (const name of ["redis", ...roles] as const) expect(services[name].profiles).toBeUndefined();
  });
});

describe("the observability profile", () => {
  const { prometheus, grafana } = services;

  it("brings Prometheus and Grafana only where it is asked for, by versions that stay", () => {
    for (const one of [prometheus, grafana]) {
      expect(one.profiles).toEqual(["observability"]);
      expect(one.image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/);
      expect(one.networks).not.toContain("queue");
    }
  });

  it("hands them the files of ops/, which they cannot change, and keeps what they gather", () => {
    const mounted = [...prometheus.volumes, ...grafana.volumes].map((volume) => volume.split(":"));
    const [files, kept] = [
      mounted.filter(([from]) => from?.startsWith("./")),
      mounted.filter(([from]) => !from?.startsWith("./")),
    ];
    expect(files.map(([from]) => from)).toEqual([
      "./ops/prometheus",
      "./ops/grafana/provisioning",
      "./ops/grafana/dashboards",
    ]);
    for (const [from = "", , rights] of files) {
      expect(existsSync(path.join(import.meta.dirname, "..", from))).toBe(true);
      expect(rights).toBe("ro");
    }
    for (const [name = ""] of kept) expect(volumes).toHaveProperty(name);
  });

  it("lets nobody sign in to Grafana, and asks nothing of the internet", () => {
    expect(grafana.environment).toMatchObject({
      GF_AUTH_ANONYMOUS_ORG_ROLE: "Viewer",
      GF_AUTH_BASIC_ENABLED: "false",
      GF_AUTH_DISABLE_LOGIN_FORM: "true",
      GF_ANALYTICS_REPORTING_ENABLED: "false",
      GF_ANALYTICS_CHECK_FOR_UPDATES: "false",
    });
  });
});

describe("Dockerfile", () => {
  const stages = read("Dockerfile")
    .split(/^FROM /m)
    .slice(1);
  const [build = "", run = ""] = stages;

  it("builds in one stage and runs in another, on the Node that the project needs", () => {
    expect(stages).toHaveLength(2);
    for (const stage of stages) expect(stage).toMatch(/^node:24-slim\b/);
    expect(build).toMatch(/npm ci[^]*npm run build/);
    expect(run).not.toMatch(/^RUN npm/m);
  });

  it("runs the program itself, as a user without rights", () => {
    expect(run).toMatch(/^USER node$/m);
    expect(run).toMatch(/^CMD \["node", "dist\/main\.js"\]$/m);
    expect(run.indexOf("USER node")).toBeLessThan(run.indexOf("CMD"));
  });

  it("says by itself whether it is alive", () => {
    expect(run).toMatch(/^HEALTHCHECK [^]*\/healthz/m);
  });

  it("gets from the checkout only what a build needs", () => {
    const [first, ...allowed] = read(".dockerignore")
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"));
    expect(first).toBe("*");
    const copied = [...stages.join("").matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names = ""]) =>
      names.split(" "),
    );
    expect(allowed.map((line) => line.replace("!", "")).toSorted()).toEqual(copied.toSorted());
  });
});
