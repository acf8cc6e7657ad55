import { expect, it } from "vitest";
import { documentTypeOf } from "../../src/api/document-type.ts";

it("a PNG is told wherever its first bytes end, amid a colour profile too", async () => {
  const chunk = (type: string, content: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(content.length);
    return Buffer.concat([length, Buffer.from(type), content, Buffer.alloc(4)]);
  };
  const file = Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", Buffer.alloc(13, 1)),
    chunk("iCCP", Buffer.alloc(50)),
    chunk("tEXt", Buffer.alloc(50)),
    chunk("IDAT", Buffer.alloc(50)),
  ]);
  for (let length = 8; length <= file.length; length++)
    expect([length, await documentTypeOf(file.subarray(0, length))]).toEqual([length, "image/png"]);
  expect(await documentTypeOf(file.subarray(0, 7))).toBe(null);
});
