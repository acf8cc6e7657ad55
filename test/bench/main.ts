import { benchCalls } from "./calls.ts";
import { benchDesk } from "./desk.ts";
import { benchDoor } from "./door.ts";
import { type Row, table } from "./figures.ts";
import { benchStart } from "./start.ts";
import { benchWorker } from "./worker.ts";

const benches: Readonly<Record<string, () => Promise<Row[]>>> = {
  door: benchDoor,
  worker: benchWorker,
  start: benchStart,
  calls: benchCalls,
  desk: benchDesk,
};

/** `npm run bench` runs all of them, `npm run bench door` one. Every figure is a median of five rounds after a warm-up. */
const named = process.argv.slice(2);
const rows: Row[] = [];
for (const [name, bench] of Object.entries(benches)) {
  if (named.length > 0 && !named.includes(name)) continue;
  process.stderr.write(`${name} …\n`);
  rows.push(...(await bench()));
}
process.stdout.write(`${table(rows)}\n`);
