import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Real servers and real Redis processes: on a busy machine they need longer than the usual five seconds.
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two processes of a test's own are always at work (the test and its Redis), so more files at once only wait.
    maxWorkers: "75%",
    // A listener or timer that is left open is a fault of the test: fail, do not hang.
    teardownTimeout: 10_000,
  },
});
