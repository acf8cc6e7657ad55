/** One line of the benchmarks' table. */
export interface Row {
  readonly what: string;
  readonly figure: string;
  readonly beside: string;
  readonly ratio: string;
  readonly goal: string;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2;
}

export function table(rows: readonly Row[]): string {
  const columns = ["what", "figure", "beside", "ratio", "goal"] as const;
  const width = (column: (typeof columns)[number]) => Math.max(column.length, ...rows.map((row) => row[column].length));
  const line = (row: Record<(typeof columns)[number], string>) =>
    `| ${columns.map((column) => row[column].padEnd(width(column))).join(" | ")} |`;
  const heads = { what: "what", figure: "Handoff", beside: "beside", ratio: "ratio", goal: "goal" };
  return [line(heads), `| ${columns.map((column) => "-".repeat(width(column))).join(" | ")} |`, ...rows.map(line)].join(
    "\n",
  );
}
