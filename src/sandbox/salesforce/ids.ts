/** Salesforce record ids: three characters that tell the object, twelve more, and a suffix that keeps the case. */

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const SUFFIXES = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/** Each suffix character tells which of five characters are capitals: bit k is set if character k is A to Z. */
function suffix(id15: string): string {
  return [0, 5, 10]
    .map((start) => {
      const capitals = [0, 1, 2, 3, 4].reduce(
        (bits, k) => (/[A-Z]/.test(id15.charAt(start + k)) ? bits | (1 << k) : bits),
        0,
      );
      return SUFFIXES.charAt(capitals);
    })
    .join("");
}

/** The id in 18 characters, or undefined if it is not an id: wrong length, wrong characters, or a suffix that does not fit. */
export function to18(id: string): string | undefined {
  if (!/^[A-Za-z0-9]{15}(?:[A-Za-z0-9]{3})?$/.test(id)) return undefined;
  const id15 = id.slice(0, 15);
  const whole = id15 + suffix(id15);
  return id.length === 15 || id === whole ? whole : undefined;
}

/** The nth id of an object, 18 characters. The same n gives the same id, after every restart. */
export function nthId(keyPrefix: string, n: number): string {
  let number = "";
  for (let rest = n; number.length < 5; rest = Math.floor(rest / DIGITS.length))
    number = DIGITS.charAt(rest % DIGITS.length) + number;
  const id15 = `${keyPrefix}5g00000${number}`;
  return id15 + suffix(id15);
}
