import { text } from "node:stream/consumers";
import { openLog } from "../../src/log.ts";
import { startProgram } from "../../src/program.ts";
import { readSettings } from "../../src/settings.ts";

/**
 * Several workers in one process, so that one SIGKILL ends all of them and one wait for their locks serves all: each is the
 * program as `src/main.ts` starts it, from the sources, with settings of its own. They come as a JSON list of environments on
 * stdin.
 */
const environments = JSON.parse(await text(process.stdin)) as Record<string, string>[]; // test/chaos/boundaries.ts writes it
const { log } = openLog("warn");
for (const environment of environments) await startProgram(readSettings(environment), log);
process.stdout.write("all of them work\n");
