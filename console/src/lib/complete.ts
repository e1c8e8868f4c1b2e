// What may be written at the caret of a query: which kind of word, and what stands there already.
import { fold } from "./fold";
import { literal, named, parted } from "./query-text";

export type Place =
  | { kind: "field"; word: string; from: number; inStage: boolean }
  | { kind: "value"; word: string; from: number; field: string }
  | { kind: "join"; word: string; from: number }
  | { kind: "stage"; word: string; from: number; isGrouped: boolean }
  | { kind: "by"; word: string; from: number; stage: string };

export interface Known {
  name: string;
  type: string;
  count: number;
}

export interface Suggestion {
  /** What is written in place of the word. */
  insert: string;
  label: string;
  /** Said beside it. */
  note?: { type: string; count: number } | { count: number };
  /** A field: how full it is is shown. */
  isField?: boolean;
}

// what groups comes first, and once: the console shows tables of groups; the others shape one
const GROUPINGS = ["count by ", "top 10 ", "timechart 1h", "stats count by "] as const;
const SHAPINGS = ["sort -count", "limit 20", "table "] as const;
const JOINS = ["and ", "or ", "not ", "| count by ", "| top 10 ", "| timechart 1h "] as const;
const FIGURES = ["by ", "count", "sum(", "avg(", "min(", "max(", "distinct("] as const;
const VALUE = /(?:^|[\s(])(?:"((?:[^"\\]|\\.)*)"|([\p{L}\p{N}_@.][\p{L}\p{N}_@.-]*))\s*(?::|==?|!=)\s*(?:\((?:[^()]*[\s(])?)?("(?:[^"\\]|\\.)*|[^\s()"]*)$/u;
const WORD = /[^\s()",|]*$/;

/** What is being written where the caret is; `text` is the query up to the caret. */
export function placeOf(text: string): Place {
  // a text that is still open holds its bars
  const isQuoted = text.replace(/\\./g, "").split('"').length % 2 === 0;
  const { stages } = isQuoted ? parted(`${text}"`) : parted(text);
  if (stages) return inStage(stages.slice(lastBar(stages) + 1), text.length, /^\|\s*(count|top|timechart|stats)\b.*\|/is.test(bare(stages).trim()));
  const value = VALUE.exec(text);
  if (value) {
    const word = value[3] ?? "";
    return { kind: "value", word: word.replace(/^"/, ""), from: text.length - word.length, field: value[1] ?? value[2] ?? "" };
  }
  const word = WORD.exec(text)?.[0] ?? "";
  const before = text.slice(0, text.length - word.length);
  const isOpen = /(^|\(|\b(and|or|not)\s+|&&\s*|\|\|\s*|[!-])$/i.test(before.trim() ? before : "");
  return { kind: isOpen || word ? "field" : "join", word, from: text.length - word.length, inStage: false };
}

/** As long, with nothing in its quotes that reads as a bar. */
const bare = (stages: string): string => stages.replace(/"(?:[^"\\]|\\.)*"?/g, (quoted) => "x".repeat(quoted.length));
const lastBar = (stages: string): number => bare(stages).lastIndexOf("|");

function inStage(stage: string, end: number, isGrouped: boolean): Place {
  const begun = /^\s*(\S*)$/.exec(stage);
  if (begun) return { kind: "stage", word: begun[1] ?? "", from: end - (begun[1] ?? "").length, isGrouped };
  const name = /^\s*(\w+)/.exec(stage)?.[1]?.toLowerCase() ?? "";
  const word = (/[^\s(),]*$/.exec(stage)?.[0] ?? "").replace(/^-/, "");
  const isFigure = /\(\s*[^)]*$/.test(stage);
  if (!isFigure && ["count", "stats", "timechart"].includes(name) && !/\sby\s/i.test(stage)) return { kind: "by", word, from: end - word.length, stage: name };
  return { kind: "field", word, from: end - word.length, inStage: true };
}

/** How well a name answers a word: 0 best, 3 not at all. */
function rank(name: string, word: string): number {
  const [text, wanted] = [fold(name), fold(word)];
  if (text.startsWith(wanted)) return 0;
  if (text.includes(`.${wanted}`)) return 1;
  return text.includes(wanted) ? 2 : 3;
}

const MOST = 50;

/** What may stand at a place, best first. `values` are those of the field with their counts. */
export function suggestions(place: Place, fields: readonly Known[], values: readonly { value: string; count: number }[]): Suggestion[] {
  const plain = (words: readonly string[]) => words.filter((word) => word.startsWith(place.word.toLowerCase()) && word !== place.word).map((word) => ({ insert: word, label: word.trim() }));
  if (place.kind === "stage") return plain(place.isGrouped ? SHAPINGS : GROUPINGS);
  if (place.kind === "join") return plain(JOINS);
  if (place.kind === "by") return plain(place.stage === "count" ? ["by "] : FIGURES);
  if (place.kind === "value") {
    const found = values.filter(({ value }) => rank(value, place.word) < 3).toSorted((a, b) => rank(a.value, place.word) - rank(b.value, place.word));
    return found.slice(0, MOST).map(({ value, count }) => ({ insert: `${literal(value)} `, label: value, note: { count } }));
  }
  const found = fields
    .map((field) => ({ field, rank: rank(field.name, place.word) }))
    .filter((each) => each.rank < 3)
    .toSorted((a, b) => a.rank - b.rank || b.field.count - a.field.count || a.field.name.localeCompare(b.field.name));
  const ofFields = found.slice(0, MOST).map(({ field }) => ({
    insert: place.inStage ? named(field.name) : `${named(field.name)}: `,
    label: field.name,
    note: { type: field.type, count: field.count },
    isField: true,
  }));
  const joins = place.inStage || !place.word ? [] : plain(["and ", "or ", "not "]);
  return [...ofFields, ...joins];
}
