import { openLog } from "./log.ts";
import { startProgram } from "./program.ts";
import { readSettings, SettingsError } from "./settings.ts";

/** The exit status of a configuration error (EX_CONFIG of sysexits.h). */
const BAD_SETTINGS = 78;

function settingsOrExit() {
  try {
    return readSettings(process.env);
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(BAD_SETTINGS);
  }
}

const settings = settingsOrExit();
const log = openLog(settings.LOG_LEVEL);
const program = await startProgram(settings, log);

let stopped = false;
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.on(signal, () => {
    if (stopped) return;
    stopped = true;
    void program.stop().finally(() => process.exit(0));
  });
}
