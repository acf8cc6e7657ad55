import { readFileSync } from "node:fs";
import path from "node:path";
import mustache from "mustache";
import type { Template } from "../../domain/letter.ts";
import type { Language } from "./dates.ts";
import { LAYOUT, type Page, PAGES, type Sort, type Words } from "./views.ts";

/** A mail's text in one language, as a person wrote it: mustache. */
export interface Written {
  readonly language: Language;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Templates {
  readonly layout: { readonly text: string; readonly html: string };
  readonly written: Readonly<Record<Template, readonly Written[]>>;
}

/** Thrown with everything that is wrong with the templates at once: file, line and variable. */
export class TemplateError extends Error {
  readonly problems: readonly string[];
  constructor(folder: string, problems: readonly string[]) {
    super(
      [`The mail templates in ${folder} cannot be used:`, ...problems.map((problem) => `    ${problem}`)].join("\n"),
    );
    this.name = "TemplateError";
    this.problems = problems;
  }
}

/** What a file may hold beside plain text, and what it must. */
interface Rules {
  readonly says: Words;
  readonly mustSay?: readonly string[];
  readonly isSubject?: boolean;
}

/**
 * Reads and checks every template, so that an edit that breaks one is found when the program starts. Each letter has a
 * folder of its own, with `ja.txt` and `ja.html` (a subject in the first line of the text). Throws `TemplateError`.
 */
export function readTemplates(folder: string): Templates {
  const problems: string[] = [];
  const read = (file: string): string | null => {
    try {
      return decoded(readFileSync(path.join(folder, file)));
    } catch (error) {
      problems.push(
        `${file}: ${error instanceof TypeError ? "is not UTF-8: save it as UTF-8" : "is missing, or cannot be read"}`,
      );
      return null;
    }
  };
  const check = (file: string, source: string, rules: Rules) => {
    for (const problem of problemsOf(source, rules)) problems.push(`${file}${problem}`);
    return source;
  };
  const readWhole = (file: string, rules: Rules) => {
    const source = read(file);
    return source === null ? "" : check(file, source, rules);
  };
  const readLetter = (file: string, rules: Rules) => {
    const source = read(file);
    if (source === null) return { subject: "", text: "" };
    const [, subject, text] = /^Subject: *(\S.*)\n\n([^]*)$/.exec(source) ?? [];
    if (subject === undefined || text === undefined) {
      problems.push(`${file}: must begin with a line "Subject: …" and an empty line`);
      return { subject: "", text: "" };
    }
    check(file, subject, { says: rules.says, isSubject: true });
    // Blanks in the subject's place keep the line numbers right.
    check(file, `\n\n${text}`, rules);
    return { subject, text };
  };

  const writtenFor = (name: Template): Written[] => {
    const { languages, says, mustSay }: Page = PAGES[name];
    return languages.map((language) => ({
      language,
      ...readLetter(`${name}/${language}.txt`, { says, mustSay }),
      html: readWhole(`${name}/${language}.html`, { says, mustSay }),
    }));
  };
  const templates = {
    layout: {
      text: readWhole("layout.txt", { says: LAYOUT, mustSay: ["body"] }),
      html: readWhole("layout.html", { says: LAYOUT, mustSay: ["body"] }),
    },
    written: {
      "cancellation-confirmed": writtenFor("cancellation-confirmed"),
      "cancellation-admin": writtenFor("cancellation-admin"),
      "cancellation-refused-admin": writtenFor("cancellation-refused-admin"),
      "due-today-admin": writtenFor("due-today-admin"),
      alert: writtenFor("alert"),
    },
  };
  if (problems.length > 0) throw new TemplateError(folder, problems);
  return templates;
}

/** Whatever editor it was saved with: no byte order mark, line ends of one character. Throws `TypeError` where it is not UTF-8. */
function decoded(bytes: Buffer): string {
  return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replaceAll("\r\n", "\n");
}

/** What is wrong with `source`, each as `:line: …` or `: …`. */
function problemsOf(source: string, { says, mustSay = [], isSubject = false }: Rules): string[] {
  let spans: Spans;
  try {
    spans = mustache.parse(source);
  } catch (error) {
    return [`: ${error instanceof Error ? error.message : "is no mustache template"}`];
  }
  const said = new Set<string>();
  const problems: string[] = [];
  const look = (spans: Spans, says: Words, open: readonly string[]) => {
    for (const [type, name, start, , inner] of spans) {
      const complain = (what: string) => problems.push(`:${lineAt(source, start)}: ${what}`);
      if (type === "text" || type === "!") continue;
      if (type === ">" || type === "=") {
        complain("partials and other delimiters are not supported");
        continue;
      }
      const sort = Object.hasOwn(says, name) ? says[name] : undefined;
      if (sort === undefined) {
        complain(`there is no {{${name}}} here; there is ${Object.keys(says).join(", ")}`);
        continue;
      }
      said.add(name);
      const isSection = type === "#" || type === "^";
      const fault = isSection ? sectionFault(name, sort) : valueFault(name, sort, type === "&", open);
      if (fault !== null) complain(fault);
      if (isSubject && (typeof sort === "object" || sort.endsWith("private")))
        complain(`{{${name}}} must not stand in a subject, which is one line and shows on locked screens`);
      if (!isSection || !Array.isArray(inner)) continue;
      const within = type === "#" && typeof sort === "object" ? { ...says, ...sort.each } : says;
      look(inner, within, type === "#" ? [...open, name] : open);
    }
  };
  look(spans, says, []);
  for (const name of mustSay) if (!said.has(name)) problems.push(`: {{${name}}} is missing`);
  return problems;
}

type Spans = ReturnType<typeof mustache.parse>;

function sectionFault(name: string, sort: Sort): string | null {
  if (typeof sort === "object" || sort === "flag" || sort.startsWith("maybe")) return null;
  return `{{${name}}} is always there: write it without {{#${name}}} or {{^${name}}}`;
}

function valueFault(name: string, sort: Sort, isUnescaped: boolean, open: readonly string[]): string | null {
  if (sort === "ready") return isUnescaped ? null : `{{${name}}} is finished text: write {{{${name}}}}`;
  if (isUnescaped) return `write {{${name}}}: with three braces or & it would not be escaped`;
  if (typeof sort === "object" || sort === "flag") return `{{${name}}} is no text: write {{#${name}}}…{{/${name}}}`;
  if (sort.startsWith("maybe") && !open.includes(name))
    return `{{${name}}} may be absent: write {{#${name}}}…{{${name}}}…{{/${name}}}`;
  return null;
}

const lineAt = (source: string, at: number) => source.slice(0, at).split("\n").length;
