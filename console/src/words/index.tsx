// The words of the console: keys of core/words/console.yml (without "console.") and common.yml, in one language.
import { createContext, type ReactNode, use, useEffect, useMemo } from "react";
import type vi from "./vi.json";
import type more from "./vi.more.json";
import { visible } from "../lib/visible";

export type Language = "vi" | "en";
export type Key = keyof typeof vi | keyof typeof more;
export type Values = Record<string, string | number>;
export type Text = { vi?: string; en?: string };
type Words = Record<string, string>;

const NUMBER: Record<Language, string> = { vi: "vi-VN", en: "en-GB" };

/** A number as the language writes it: 1.234,5 or 1,234.5. */
export function number(value: number, language: Language, digits = 0): string {
  return new Intl.NumberFormat(NUMBER[language], {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  }).format(value);
}

/** The words with their {places} filled; numbers are written in the language. */
export function fill(text: string, values: Values | undefined, language: Language): string {
  if (!values) return text;
  return text.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = values[name];
    if (value === undefined) return place;
    return typeof value === "number" ? number(value, language, Number.isInteger(value) ? 0 : 1) : visible(value);
  });
}

export interface Speech {
  language: Language;
  /** The words of a key; `key.one` is taken where `values.n` is 1 and it exists. */
  t: (key: Key, values?: Values) => string;
  /** The words of a key that is put together at run time, else the name itself. */
  named: (prefix: string, name: string) => string;
  /** A text that the API gives in both languages. */
  said: (text: Text | null | undefined) => string;
  n: (value: number, digits?: number) => string;
}

/** What speaks a language. */
export function speech(words: Words, language: Language): Speech {
  return {
    language,
    t: (key, values) => fill((values?.n === 1 && words[`${key}.one`]) || (words[key] ?? key), values, language),
    named: (prefix, name) => words[`${prefix}.${name}`] ?? name,
    // titles and sentences name hosts and accounts, which are log text
    said: (text) => (text?.[language] || text?.vi || text?.en || "").split("\n").map(visible).join("\n"),
    n: (value, digits) => number(value, language, digits),
  };
}

let current: Promise<readonly [Language, Words]> | null = null;
let isMoreNeeded = false;

/** Loads the words of one language; they are files of their own. */
export async function load(language: Language): Promise<Words> {
  const asked = (async () => [language, { ...(language === "en" ? await import("./en.json") : await import("./vi.json")).default }] as const)();
  current = asked;
  const [, words] = await asked;
  if (isMoreNeeded) await addMore();
  return words;
}

/** Adds the words of screens that are not opened first to those that are spoken now. */
export async function addMore(): Promise<void> {
  isMoreNeeded = true;
  if (!current) return;
  const [language, words] = await current;
  Object.assign(words, (language === "en" ? await import("./en.more.json") : await import("./vi.more.json")).default);
}

const Context = createContext<Speech | null>(null);

export function WordsProvider(props: { words: Words; language: Language; children: ReactNode }) {
  const { words, language, children } = props;
  useEffect(() => {
    document.documentElement.lang = language;
  }, [language]);
  const value = useMemo(() => speech(words, language), [words, language]);
  return <Context value={value}>{children}</Context>;
}

export function useWords(): Speech {
  const value = use(Context);
  if (!value) throw new Error("no words");
  return value;
}
