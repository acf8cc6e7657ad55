import path from "node:path";

/** A program as it is deployed; built before the first test (script/built.mjs). */
export const built = (program: string): string => path.join(import.meta.dirname, "../.tools/built", `${program}.js`);
