// What was said of the lines of a text, while the text is changed and nobody has looked at it again.

/** Where each line of a text stands after a change, both counted from 1; null: it is another line, or gone. */
export function carried(before: string, now: string): (line: number) => number | null {
  const [old, lines] = [before.split("\n"), now.split("\n")];
  let head = 0;
  while (head < Math.min(old.length, lines.length) && old[head] === lines[head]) head++;
  let tail = 0;
  while (tail < Math.min(old.length, lines.length) - head && old[old.length - 1 - tail] === lines[lines.length - 1 - tail]) tail++;
  return (line) => (line <= head ? line : line > old.length - tail && line <= old.length ? line + lines.length - old.length : null);
}
