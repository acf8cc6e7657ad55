import { type ChildProcess, fork } from "node:child_process";
import { flushCompileCache } from "node:module";
import { constants, setPriority } from "node:os";
import path from "node:path";
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

/** Beside this file: a source, or built. */
const WARD = path.join(import.meta.dirname, `ward-main${path.extname(import.meta.filename)}`);

try {
  const settings = readSettings(process.env);
  const { log, flush } = openLog(settings.LOG_LEVEL);
  const program = await startProgram(settings, log, startWard);
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

/** It yields to its worker, whose jobs go on while those of the ward have waited for a lock already. */
function startWard(): ChildProcess {
  const ward = fork(WARD);
  try {
    if (ward.pid !== undefined) setPriority(ward.pid, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Its priority is lower already, or may not be changed: it works as well.
  }
  return ward;
}
