import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { openLetters } from "../src/integrations/mail/letters.ts";
import { EXAMPLES, example, SETTINGS } from "./integrations/mail/examples.ts";

/** npm run mail:preview [FOLDER]: every kind of letter with made-up facts, to look at in a browser after an edit. */
const folder = path.resolve(process.argv[2] ?? ".data/mail-preview");
try {
  const letters = openLetters({ settings: SETTINGS });
  await mkdir(folder, { recursive: true });
  for (const name of Object.keys(EXAMPLES)) {
    const { to, subject, text, html } = letters.render(example(name), name);
    await writeFile(path.join(folder, `${name}.html`), html ?? "");
    await writeFile(path.join(folder, `${name}.txt`), `To: ${to}\nSubject: ${subject}\n\n${text}`);
  }
  console.log(`${Object.keys(EXAMPLES).length} letters are in ${folder}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
