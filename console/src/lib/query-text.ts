// Writing the query language: a clause for a field and value, added to what stands there already.

/** A value as the language takes it literally: a bare word where that is safe, else a quoted text. */
export function literal(value: unknown): string {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const text = String(value);
  const bare = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u.test(text) && !/^(and|or|not|to)$/i.test(text);
  return bare ? text : `"${text.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
}

/** A field's name as the language takes it. */
export function named(field: string): string {
  const bare = /^[\p{L}\p{N}_@.][\p{L}\p{N}_@.-]*$/u.test(field) && !/^(and|or|not|to)$/i.test(field);
  return bare ? field : `"${field.replace(/\\/g, "\\\\").replace(/"/g, '\\"')}"`;
}

/** The query with one more clause; a clause that stands there already is not added again. */
export function narrow(query: string, field: string, value: unknown, without = false, operator: ":" | "==" = ":"): string {
  const { where, stages } = parted(query);
  const clause = `${without ? "not " : ""}${named(field)}${operator === ":" ? ":" : " =="} ${literal(value)}`;
  return [also(where, clause), stages].filter(Boolean).join(" ");
}

/** Both conditions. */
export function also(query: string, clause: string): string {
  const before = query.trim();
  if (!before || before === "*") return clause;
  if (!clause || before === clause || before.endsWith(` and ${clause}`) || before.startsWith(`${clause} and `)) return before;
  // `or` at the top level binds weaker than the `and` that is added here
  return /\bor\b|\|\|/i.test(before) ? `(${before}) and ${clause}` : `${before} and ${clause}`;
}

/** A query without its stages, and the stages with their `|` (docs/query-language.md, Stages). */
export function parted(query: string): { where: string; stages: string } {
  // quoted texts, regular expressions and escaped characters are blanked, so that a bar inside them is none
  const bare = query.replace(/"(?:[^"\\]|\\.)*"|(?<![^\s:(=~])\/(?:[^/\\]|\\.)*\/(?=[\s)]|$)|\\./g, (text) => (text.startsWith('"') ? '"' : "x").repeat(text.length));
  const at = /(?:^|[\s)"])\|(?!\|)/.exec(bare.replace(/\|\|/g, "  "));
  if (!at) return { where: query, stages: "" };
  const start = at.index + at[0].length - 1;
  return { where: query.slice(0, start).trim(), stages: query.slice(start) };
}
