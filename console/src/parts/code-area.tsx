// A text to be written, with numbered lines; lines of which there is something to say are marked, and said below.
import { type KeyboardEvent, useEffect, useMemo, useRef, useState } from "react";
import type { Schemas } from "../api/client";
import { carried } from "../lib/carried";
import { useWords } from "../words";

type Remark = Schemas["Remark"];

interface Props {
  label: string;
  value: string;
  onChange: (text: string) => void;
  remarks: readonly Remark[];
  /** The text that they are of. */
  of: string;
  rows: number;
  /** The line at which one begins to write, with the focus; none: the focus is elsewhere. */
  begin?: number;
}

/** The place of a line's column in a text, both counted from 1. */
function offsetOf(text: string, line: number, column: number): number {
  const lines = text.split("\n");
  const before = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  return before + Math.min(column - 1, lines[line - 1]?.length ?? 0);
}

/** The next line begins where this one does, as YAML wants it; the browser's own undo knows of it. */
function keepIndent(event: KeyboardEvent<HTMLTextAreaElement>): void {
  const { value, selectionStart } = event.currentTarget;
  const [indent = ""] = /^ *(- )?/.exec(value.slice(value.lastIndexOf("\n", selectionStart - 1) + 1, selectionStart)) ?? [];
  if (!indent) return;
  event.preventDefault();
  document.execCommand("insertText", false, `\n${indent.replace("-", " ")}`);
}

export function CodeArea({ label, value, onChange, remarks: all, of, rows, begin }: Props) {
  const { t, said } = useWords();
  const area = useRef<HTMLTextAreaElement>(null);
  const [top, setTop] = useState(0);
  const count = value.split("\n").length;
  const remarks = useMemo(() => {
    const place = carried(of, value);
    const last = of.split("\n").length;
    return all.flatMap((remark) => {
      const line = place(Math.min(remark.line ?? 1, last));
      return line === null ? [] : [remark.line === null ? remark : { ...remark, line }];
    });
  }, [all, of, value]);
  const worst = new Map<number, string>();
  for (const remark of remarks) {
    const line = Math.min(remark.line ?? 1, count);
    if (worst.get(line) !== "wrong") worst.set(line, remark.weight === "error" ? "wrong" : "doubtful");
  }
  const goTo = (line: number, column: number) => {
    const at = offsetOf(value, line, column);
    area.current?.focus();
    area.current?.setSelectionRange(at, at);
    // browsers scroll to what is typed, not to what is set
    const height = (area.current?.scrollHeight ?? 0) / count;
    area.current?.scrollTo({ top: Math.max(0, (line - 4) * height) });
  };
  // once: what is typed later has its own place
  useEffect(() => {
    if (begin !== undefined) goTo(begin, 1);
  }, [begin]);
  return (
    <>
      <div className="code-area mono">
        <div className="code-numbers" aria-hidden="true">
          <div style={{ transform: `translateY(${-top}px)` }}>
            {Array.from({ length: count }, (_, at) => (
              <span key={at} className={worst.get(at + 1)}>
                {at + 1}
              </span>
            ))}
          </div>
        </div>
        <textarea
          ref={area}
          className="input mono"
          aria-label={label}
          spellCheck={false}
          wrap="off"
          rows={rows}
          value={value}
          onChange={(event) => onChange(event.target.value)}
          onScroll={(event) => setTop(event.currentTarget.scrollTop)}
          onKeyDown={(event) => {
            if (event.key === "Enter" && !event.ctrlKey && !event.metaKey && !event.nativeEvent.isComposing) keepIndent(event);
          }}
        />
      </div>
      {remarks.length > 0 && (
        <ul className="code-remarks" aria-label={t("draft.remarks")}>
          {remarks.map((remark) => (
            <li key={`${remark.line}${remark.column}${remark.code}${remark.text.en}`}>
              <button type="button" className="link mono" onClick={() => goTo(remark.line ?? 1, remark.column ?? 1)}>
                {remark.line === null ? "–" : [remark.line, remark.column].filter((each) => each !== null).join(":")}
              </button>{" "}
              <span className={remark.weight === "error" ? "critical" : "medium"}>{said(remark.text)}</span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
