// Bytes as people read them, as core/words says them: powers of 1,000.
import { type Language, number } from "../words";

export function size(bytes: number, language: Language): string {
  const units = ["B", "KB", "MB", "GB"];
  let value = bytes;
  let at = 0;
  while (Math.abs(value) >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${number(value, language, at ? 1 : 0)} ${units[at]}`;
}
