/** Looking for what must be nowhere. All text here is bytes, seen as Latin-1. */

const latin1 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString("latin1");

/** The ways in which `secret` could stand somewhere: as it is, or as JSON, HTML, a URL, hexadecimal or base64 write it. */
export function formsOf(secret: string | Uint8Array): readonly string[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const forms = [latin1(bytes), hex, hex.toUpperCase(), ...inBase64(bytes), ...inBase64(bytes, "base64url")];
  if (typeof secret === "string") {
    const html = secret.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
    const json = JSON.stringify(secret).slice(1, -1);
    const ascii = json.replaceAll(
      /[^ -~]/g,
      (unit) => String.raw`\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
    );
    const inUrl = encodeURIComponent(secret);
    const inForm = new URLSearchParams([["", secret]]).toString().slice(1);
    forms.push(
      ...[html, json, ascii, inUrl, inUrl.toLowerCase(), inForm].map(latin1),
      latin1(Buffer.from(secret, "utf16le")),
    );
  }
  return [...new Set(forms)];
}

/** The middle of what base64 makes of it, wherever among other bytes it stands: the first and last characters depend on those. */
function inBase64(bytes: Buffer, encoding: "base64" | "base64url" = "base64"): readonly string[] {
  return [0, 1, 2].map((before) => {
    const text = Buffer.concat([Buffer.alloc(before), bytes])
      .toString(encoding)
      .replaceAll("=", "");
    return text.slice(before === 0 ? 0 : before + 1, (before + bytes.length) % 3 === 0 ? undefined : -1);
  });
}

/** Which of `secrets` stand in `place`, by their names. */
export function foundIn(
  place: string | Uint8Array,
  secrets: Readonly<Record<string, string | Uint8Array>>,
): readonly string[] {
  const text = latin1(place);
  return Object.entries(secrets)
    .filter(([, secret]) => formsOf(secret).some((form) => text.includes(form)))
    .map(([name]) => name);
}
