/**
 * A form body as PHP reads it: `a[]=1&a[3]=2&b[x][y]=z` becomes nested arrays, a later value replaces an earlier one,
 * and dots and spaces in a name become underscores.
 */

type PhpValue = string | PhpArray;
/** PHP's array: keys in the order they came, whole numbers among them as their decimal text. */
export type PhpArray = Map<string, PhpValue>;

const decoded = (text: string): string => {
  const spaced = text.replaceAll("+", " ");
  return Buffer.from(
    spaced.replace(/%([0-9a-fA-F]{2})|[\s\S]/gu, (whole, hex: string | undefined) =>
      hex === undefined ? Buffer.from(whole).toString("latin1") : String.fromCharCode(Number.parseInt(hex, 16)),
    ),
    "latin1",
  ).toString("utf8");
};

function nextIndex(array: PhpArray): string {
  const indexes = [...array.keys()].filter((key) => /^(?:0|[1-9]\d*)$/.test(key)).map(Number);
  return String(indexes.length === 0 ? 0 : Math.max(...indexes) + 1);
}

function put(array: PhpArray, keys: readonly string[], value: string): void {
  const [key, ...deeper] = keys;
  if (key === undefined) return;
  const name = key === "" ? nextIndex(array) : key;
  if (deeper.length === 0) {
    array.set(name, value);
    return;
  }
  const inside = array.get(name);
  const next: PhpArray = inside instanceof Map ? inside : new Map();
  array.set(name, next);
  put(next, deeper, value);
}

export function parsePhpForm(body: string): PhpArray {
  const form: PhpArray = new Map();
  for (const pair of body.split("&")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    const name = decoded(equals === -1 ? pair : pair.slice(0, equals)).trimStart();
    const value = equals === -1 ? "" : decoded(pair.slice(equals + 1));
    const bracket = name.indexOf("[");
    const brackets = bracket > 0 ? /^((?:\[[^\]]*\])+)/.exec(name.slice(bracket)) : null;
    const first = (brackets === null ? name : name.slice(0, bracket)).replace(/[. [\]]/g, "_");
    const rest = [...(brackets?.[1] ?? "").matchAll(/\[([^\]]*)\]/g)].map(([, key = ""]) => key);
    if (first !== "") put(form, [first, ...rest], value);
  }
  return form;
}
