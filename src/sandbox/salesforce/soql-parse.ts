import { SalesforceError } from "./errors.ts";

/** SOQL, read into a tree: a tokenizer and a parser by recursive descent. Throws MALFORMED_QUERY. */

export type Path = readonly string[];
export type Literal =
  /** `pattern` is the text with its wildcards still marked, for LIKE. */
  | { readonly kind: "string"; readonly value: string; readonly pattern: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "boolean"; readonly value: boolean }
  | { readonly kind: "date" | "datetime"; readonly value: string }
  | { readonly kind: "null" };
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | "LIKE";
export type Condition =
  | { readonly kind: "and" | "or"; readonly parts: readonly Condition[] }
  | { readonly kind: "not"; readonly part: Condition }
  | { readonly kind: "compare"; readonly path: Path; readonly operator: Operator; readonly literal: Literal }
  | { readonly kind: "in"; readonly path: Path; readonly negated: boolean; readonly literals: readonly Literal[] }
  /** A semi-join: the values are what another query selects. */
  | { readonly kind: "in-query"; readonly path: Path; readonly negated: boolean; readonly query: Query };
export interface Sorting {
  readonly path: Path;
  readonly descending: boolean;
  readonly nullsLast: boolean;
}
export interface Query {
  readonly count: boolean;
  readonly paths: readonly Path[];
  readonly subqueries: readonly Query[];
  readonly from: string;
  readonly where: Condition | undefined;
  readonly orderBy: readonly Sorting[];
  readonly limit: number | undefined;
  readonly offset: number;
}

interface Token {
  readonly kind: "word" | "symbol" | "end" | Exclude<Literal["kind"], "boolean" | "null">;
  readonly text: string;
  /** Where it stands, counted from 1. */
  readonly column: number;
}

const TOKEN = new RegExp(
  [
    String.raw`(?<space>\s+)`,
    String.raw`(?<datetime>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2}))`,
    String.raw`(?<date>\d{4}-\d{2}-\d{2})(?![\dT])`,
    String.raw`(?<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?![\w-])`,
    String.raw`(?<word>[A-Za-z]\w*(?:\.[A-Za-z]\w*)*)`,
    String.raw`'(?<string>(?:[^'\\]|\\[\s\S])*)'`,
    String.raw`(?<symbol><=|>=|!=|<>|[=<>(),])`,
  ].join("|"),
  "y",
);
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  N: "\n",
  r: "\r",
  R: "\r",
  t: "\t",
  T: "\t",
  b: "\b",
  B: "\b",
  f: "\f",
  F: "\f",
  '"': '"',
  "'": "'",
  "\\": "\\",
  _: "_",
  "%": "%",
};

const malformed = (message: string) => new SalesforceError("MALFORMED_QUERY", message);

function tokenize(soql: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < soql.length) {
    const column = TOKEN.lastIndex + 1;
    const found = TOKEN.exec(soql);
    if (found === null)
      throw malformed(`line 1:${String(column)} no viable alternative at character '${soql.charAt(column - 1)}'`);
    const [kind, text] = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined) ?? [];
    if (
      kind === "word" ||
      kind === "symbol" ||
      kind === "string" ||
      kind === "number" ||
      kind === "date" ||
      kind === "datetime"
    )
      tokens.push({ kind, text: text ?? "", column });
  }
  return [...tokens, { kind: "end", text: "<EOF>", column: soql.length + 1 }];
}

function stringLiteral(raw: string): Literal {
  let pattern = "";
  const value = raw.replace(/\\([\s\S])/g, (whole, char: string) => {
    const meant = ESCAPES[char];
    if (meant === undefined) throw malformed(`Illegal string escape: ${whole}`);
    return meant;
  });
  pattern = raw.replace(/\\([\s\S])/g, (whole, char: string) =>
    char === "_" || char === "%" || char === "\\" ? whole : (ESCAPES[char] ?? char),
  );
  return { kind: "string", value, pattern };
}

export function parseSoql(soql: string): Query {
  const tokens = tokenize(soql);
  let at = 0;
  const peek = (ahead = 0): Token =>
    tokens[Math.min(at + ahead, tokens.length - 1)] ?? { kind: "end", text: "<EOF>", column: soql.length + 1 };
  const unexpected = (token: Token) =>
    malformed(
      `${soql}\n${" ".repeat(Math.max(0, token.column - 1))}^\nERROR at Row:1:Column:${String(token.column)}\nunexpected token: '${token.text}'`,
    );
  const isWord = (word: string, ahead = 0) => peek(ahead).kind === "word" && peek(ahead).text.toUpperCase() === word;
  const isSymbol = (symbol: string) => peek().kind === "symbol" && peek().text === symbol;
  const next = (): Token => {
    const token = peek();
    at += 1;
    return token;
  };
  const word = (expected: string) => {
    if (!isWord(expected)) throw unexpected(peek());
    at += 1;
  };
  const symbol = (expected: string) => {
    if (!isSymbol(expected)) throw unexpected(peek());
    at += 1;
  };
  const takeWord = (optional: string): boolean => {
    if (!isWord(optional)) return false;
    at += 1;
    return true;
  };
  const takeSymbol = (optional: string): boolean => {
    if (!isSymbol(optional)) return false;
    at += 1;
    return true;
  };
  const list = <T>(item: () => T): T[] => {
    const items = [item()];
    while (takeSymbol(",")) items.push(item());
    return items;
  };
  const path = (): Path => {
    if (peek().kind !== "word") throw unexpected(peek());
    return next().text.split(".");
  };
  const wholeNumber = (): number => {
    const token = next();
    if (token.kind !== "number" || !/^\d+$/.test(token.text)) throw unexpected(token);
    return Number(token.text);
  };
  const literal = (): Literal => {
    const token = next();
    switch (token.kind) {
      case "string":
        return stringLiteral(token.text);
      case "number":
        return { kind: "number", value: Number(token.text) };
      case "date":
      case "datetime":
        return { kind: token.kind, value: token.text };
      case "word": {
        const name = token.text.toLowerCase();
        if (name === "true" || name === "false") return { kind: "boolean", value: name === "true" };
        if (name === "null") return { kind: "null" };
        throw unexpected(token);
      }
      case "symbol":
      case "end":
        throw unexpected(token);
    }
  };
  const among = (left: Path, negated: boolean): Condition => {
    symbol("(");
    const found: Condition = isWord("SELECT")
      ? { kind: "in-query", path: left, negated, query: query(true) }
      : { kind: "in", path: left, negated, literals: list(literal) };
    symbol(")");
    return found;
  };
  const comparison = (): Condition => {
    const left = path();
    if (isWord("NOT") && isWord("IN", 1)) {
      at += 2;
      return among(left, true);
    }
    if (takeWord("IN")) return among(left, false);
    if (takeWord("LIKE")) return { kind: "compare", path: left, operator: "LIKE", literal: literal() };
    const operator = next();
    switch (operator.text) {
      case "=":
      case "!=":
      case "<":
      case "<=":
      case ">":
      case ">=":
        return { kind: "compare", path: left, operator: operator.text, literal: literal() };
      case "<>":
        return { kind: "compare", path: left, operator: "!=", literal: literal() };
      default:
        throw unexpected(operator);
    }
  };
  const single = (): Condition => {
    if (takeWord("NOT")) return { kind: "not", part: single() };
    if (!takeSymbol("(")) return comparison();
    const inside = condition();
    symbol(")");
    return inside;
  };
  /** AND and OR do not mix without parentheses: the other one is left over, and nothing can take it. */
  const condition = (): Condition => {
    const first = single();
    const joint = isWord("AND") ? "AND" : isWord("OR") ? "OR" : undefined;
    if (joint === undefined) return first;
    const parts = [first];
    while (takeWord(joint)) parts.push(single());
    return { kind: joint === "AND" ? "and" : "or", parts };
  };
  const sorting = (): Sorting => {
    const field = path();
    const descending = takeWord("DESC");
    if (!descending) takeWord("ASC");
    if (!takeWord("NULLS")) return { path: field, descending, nullsLast: false };
    if (takeWord("LAST")) return { path: field, descending, nullsLast: true };
    word("FIRST");
    return { path: field, descending, nullsLast: false };
  };
  const query = (isSubquery: boolean): Query => {
    word("SELECT");
    const paths: Path[] = [];
    const subqueries: Query[] = [];
    const count = isWord("COUNT") && peek(1).text === "(" && peek(2).text === ")";
    if (count) at += 3;
    else {
      list(() => {
        if (!isSubquery && takeSymbol("(")) {
          subqueries.push(query(true));
          symbol(")");
        } else paths.push(path());
      });
    }
    word("FROM");
    const from = path().join(".");
    const where = takeWord("WHERE") ? condition() : undefined;
    const orderBy = takeWord("ORDER") ? (word("BY"), list(sorting)) : [];
    const limit = takeWord("LIMIT") ? wholeNumber() : undefined;
    const offset = takeWord("OFFSET") ? wholeNumber() : 0;
    return { count, paths, subqueries, from, where, orderBy, limit, offset };
  };
  const whole = query(false);
  if (peek().kind !== "end") throw unexpected(peek());
  return whole;
}
