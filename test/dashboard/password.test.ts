import { argon2id } from "hash-wasm";
import { describe, expect, it } from "vitest";
import { hashPassword, readPasswordHash, verifyPassword } from "../../src/dashboard/password.ts";

const SALT = "c2FsdHNhbHRzYWx0c2FsdA";
const HASH = "aGFzaGhhc2hoYXNoaGFzaGhhc2hoYXNoaGFzaGhhc2g";

describe("A password", () => {
  it("is recognised by the scrypt hash that was made from it, and by no other", async () => {
    const made = await hashPassword("correct horse battery");
    expect(made).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(await verifyPassword("correct horse battery", readPasswordHash(made))).toBe(true);
    expect(await verifyPassword("correct horse batterz", readPasswordHash(made))).toBe(false);
    expect(await hashPassword("correct horse battery")).not.toBe(made);
  });

  it("is recognised by the scrypt hash that another program made from it", async () => {
    // RFC 7914, section 12: scrypt("password", "NaCl" …) uses a salt too short for us, so the third vector.
    const derived = Buffer.from(
      "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
      "hex",
    );
    const phc = `$scrypt$ln=14,r=8,p=1$${unpadded(Buffer.from("SodiumChloride"))}$${unpadded(derived)}`;
    expect(await verifyPassword("pleaseletmein", readPasswordHash(phc))).toBe(true);
    expect(await verifyPassword("pleaseletmeout", readPasswordHash(phc))).toBe(false);
  });

  it("is recognised by an argon2id hash", async () => {
    const phc = await argon2id({
      password: "correct horse battery",
      salt: Buffer.from("sixteen byte salt"),
      iterations: 2,
      parallelism: 1,
      memorySize: 1024,
      hashLength: 32,
      outputType: "encoded",
    });
    expect(await verifyPassword("correct horse battery", readPasswordHash(phc))).toBe(true);
    expect(await verifyPassword("wrong", readPasswordHash(phc))).toBe(false);
  });

  it.each(["", "x".repeat(1025)])(
    "of no length or of endless length is wrong without any work (%#)",
    async (password) => {
      expect(await verifyPassword(password, readPasswordHash(await hashPassword("correct horse battery")))).toBe(false);
    },
  );
});

describe("A hash in the settings", () => {
  it.each([
    ["asks for 1 GiB by scrypt", `$scrypt$ln=20,r=8,p=1$${SALT}$${HASH}`],
    ["asks for all memory by scrypt", `$scrypt$ln=63,r=255,p=1$${SALT}$${HASH}`],
    ["asks for endless work by scrypt", `$scrypt$ln=15,r=8,p=99$${SALT}$${HASH}`],
    ["has no cost", `$scrypt$ln=0,r=8,p=1$${SALT}$${HASH}`],
    ["has no lanes", `$scrypt$ln=15,r=8,p=0$${SALT}$${HASH}`],
    ["asks for 2 GiB by argon2id", `$argon2id$v=19$m=2097152,t=1,p=4$${SALT}$${HASH}`],
    ["asks for endless work by argon2id", `$argon2id$v=19$m=65536,t=999,p=4$${SALT}$${HASH}`],
    ["has less memory than lanes", `$argon2id$v=19$m=8,t=1,p=4$${SALT}$${HASH}`],
    ["has hardly any salt", `$scrypt$ln=15,r=8,p=1$YQ$${HASH}`],
    ["has hardly any hash", `$scrypt$ln=15,r=8,p=1$${SALT}$YQ`],
    ["is of another algorithm", `$argon2i$v=19$m=65536,t=3,p=4$${SALT}$${HASH}`],
    ["is no hash at all", "correct horse battery"],
  ])("is refused when it %s, without being quoted", (_what, phc) => {
    const said = messageOf(() => readPasswordHash(phc));
    expect(said).toMatch(/^(it|its|one) /);
    expect(said).not.toContain(phc);
  });
});

function messageOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof Error) return error.message;
  }
  return "";
}

function unpadded(bytes: Buffer): string {
  return bytes.toString("base64").replace(/=+$/, "");
}
