import path from "node:path";

/** A program as it is deployed; built before the first test (script/built.mjs). */
export function built(program: string): string {
  const { HANDOFF_BUILT: folder } = process.env;
  if (folder === undefined)
    throw new Error("nothing was built: start this by npm test, npm run chaos or npm run bench");
  return path.join(folder, `${program}.js`);
}
