// Writes src/words/{vi,en}.json from core/words: what the console says, and the words that every part shares.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { load } from "js-yaml";

const here = dirname(fileURLToPath(import.meta.url));
const entries = ["common", "console"].flatMap((name) => {
  const text = readFileSync(join(here, "..", "..", "core", "words", `${name}.yml`), "utf8");
  return Object.entries(load(text));
});

for (const language of ["vi", "en"]) {
  const words = Object.fromEntries(entries.map(([key, texts]) => [key.replace(/^console\./, ""), texts[language]]));
  writeFileSync(join(here, "..", "src", "words", `${language}.json`), `${JSON.stringify(words, null, 1)}\n`);
}
