import { flushCompileCache } from "node:module";
import { openLog } from "./log.ts";
import { startProgram } from "./program.ts";
import { readSettings, SettingsError } from "./settings.ts";

/**
 * Until then a process has compiled what it runs all the time. Where NODE_COMPILE_CACHE names a folder, the next one starts
 * with it, even if this one is killed.
 */
const COMPILED_WITHIN_MS = 10_000;

/** The exit status of a configuration error (EX_CONFIG of sysexits.h). */
const BAD_SETTINGS = 78;

try {
  const settings = readSettings(process.env);
  const { log, flush } = openLog(settings.LOG_LEVEL);
  const program = await startProgram(settings, log);
  setTimeout(flushCompileCache, COMPILED_WITHIN_MS).unref();

  let stopping = false;
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.on(signal, () => {
      if (stopping) return;
      stopping = true;
      void program.stop().finally(() => {
        flush();
        process.exit(0);
      });
    });
  }
} catch (error) {
  if (error instanceof SettingsError) {
    process.stderr.write(`${error.message}\n`);
    process.exit(BAD_SETTINGS);
  }
  // What stops a start otherwise is the machine's (a port that is taken): its own words say it best.
  process.stderr.write(`Handoff could not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
