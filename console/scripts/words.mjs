// Writes src/words/{vi,en}.json from core/words: what the console says, and the words that every part shares; in
// {vi,en}.more.json what only screens say that are loaded when they are opened.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";

const MORE = new Set(["backtest", "draft", "history", "import", "inventory", "journal", "matrix", "notices", "packs", "people", "playbooks", "reports", "samples", "shift", "storage", "wizard"]);
const here = dirname(fileURLToPath(import.meta.url));
const entries = ["common", "console"].flatMap((name) => {
  const text = readFileSync(join(here, "..", "..", "core", "words", `${name}.yml`), "utf8");
  return Object.entries(load(text));
});

for (const language of ["vi", "en"]) {
  const words = entries.map(([key, texts]) => [key.replace(/^console\./, ""), texts[language]]);
  for (const [name, isMore] of [[language, false], [`${language}.more`, true]]) {
    const some = Object.fromEntries(words.filter(([key]) => MORE.has(key.split(".")[0]) === isMore));
    writeFileSync(join(here, "..", "src", "words", `${name}.json`), `${JSON.stringify(some, null, 1)}\n`);
  }
}
