// The query: one line of text; what may stand at the caret is offered, what is wrong is underlined in place.
import { useDebouncedValue } from "@mantine/hooks";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { api, data, type Problem, type Schemas } from "../api/client";
import { type Place, placeOf, suggestions } from "../lib/complete";
import { isWhole } from "../lib/truth";
import { visible } from "../lib/visible";
import { useWords } from "../words";

interface Props {
  value: string;
  problem: Problem | null;
  /** Fields of the query that no event has had, and which may have been meant. */
  hints: readonly Schemas["Hint"][];
  /** The time within which fields and values are offered. */
  range: { from: string; to: string };
  onAsk: (text: string) => void;
}

const REST = 200;
const VALUES = 200;
const NONE: never[] = [];

/** The word that begins at a position: what is underlined. */
function wrongAt(text: string, position: number): [number, number] {
  const word = /^("(?:[^"\\]|\\.)*"?|[^\s()|]+|.)/.exec(text.slice(position))?.[0] ?? "";
  return [Math.min(position, text.length), Math.max(1, word.length)];
}

export function QueryBox({ value, problem, hints, range, onAsk }: Props) {
  const { t, n } = useWords();
  const client = useQueryClient();
  const id = useId();
  const box = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  const [scrolled, setScrolled] = useState(0);
  const [caret, setCaret] = useState(0);
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const [isUsed, setUsed] = useState(false);
  if (seen !== value) {
    setSeen(value);
    setText(value);
  }
  const isAsked = text.trim() === value.trim();
  const position = problem?.position ?? 0;
  useEffect(() => {
    if (problem) box.current?.setSelectionRange(position, position);
  }, [problem, position]);

  const place = useMemo(() => placeOf(text.slice(0, caret)), [text, caret]);
  const offered = useOffered(place, range, isUsed && isOpen);
  const options = isOpen ? offered.options : [];
  const chosen = Math.min(at, options.length - 1);

  const take = (index: number) => {
    const option = options[index];
    if (!option) return;
    const after = text.slice(0, place.from) + option.insert + text.slice(caret).replace(/^\s+/, "");
    const end = place.from + option.insert.length;
    // at once: what is typed on must not come before the caret is in its place
    flushSync(() => {
      setText(after);
      setCaret(end);
      setAt(-1);
      // a value is whole; behind a field or a joining word the next is offered at once
      setOpen(place.kind !== "value");
    });
    box.current?.setSelectionRange(end, end);
  };
  const ask = () => {
    setOpen(false);
    // what was to be offered must not keep the answer waiting
    void client.cancelQueries({ queryKey: ["values"] });
    onAsk(text);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLInputElement>) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.key === "Enter") {
      if (options.length && chosen >= 0) take(chosen);
      else ask();
    } else if (event.key === "Tab" && !event.shiftKey && options.length && (chosen >= 0 || place.word)) {
      event.preventDefault();
      take(Math.max(0, chosen));
    } else if (event.key === "Escape") {
      if (options.length) setOpen(false);
      else event.currentTarget.blur();
    } else if (step && options.length) {
      event.preventDefault();
      setAt(Math.max(-1, Math.min(options.length - 1, chosen + step)));
    } else if (event.key === "ArrowDown" || (event.key === " " && event.ctrlKey)) {
      event.preventDefault();
      setOpen(true);
      setUsed(true);
    }
  };
  const marks = isAsked ? (problem ? [{ at: wrongAt(text, position), isWrong: true }] : hints.flatMap(({ field }) => (text.includes(field) ? [{ at: [text.indexOf(field), field.length] as [number, number], isWrong: false }] : []))) : [];
  return (
    <div className="query-box">
      <div className="query-line">
        <input
          ref={box}
          className="input mono"
          role="combobox"
          aria-label={t("hunt.query")}
          aria-invalid={!!problem && isAsked}
          aria-describedby={problem ? "query-problem" : undefined}
          aria-autocomplete="list"
          aria-expanded={options.length > 0}
          aria-controls={options.length > 0 ? `${id}-list` : undefined}
          aria-activedescendant={options.length > 0 && chosen >= 0 ? `${id}-${chosen}` : undefined}
          placeholder={t("hunt.placeholder")}
          spellCheck={false}
          autoCapitalize="none"
          autoComplete="off"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setCaret(event.target.selectionStart ?? event.target.value.length);
            setOpen(true);
            setUsed(true);
            setAt(-1);
          }}
          onSelect={(event) => setCaret(event.currentTarget.selectionStart ?? 0)}
          onBlur={() => setOpen(false)}
          onScroll={(event) => setScrolled(event.currentTarget.scrollLeft)}
          onKeyDown={onKeyDown}
        />
        <div className="query-marks mono" aria-hidden="true">
          <div style={{ transform: `translateX(${-scrolled}px)` }}>
            {marks.map((mark) => (
              <span key={mark.at[0]} className="query-mark">
                {text.slice(0, mark.at[0])}
                <span className={mark.isWrong ? "wrong" : "doubtful"}>{text.slice(mark.at[0], mark.at[0] + mark.at[1]) || "\u00a0"}</span>
              </span>
            ))}
          </div>
        </div>
        {options.length > 0 && (
          <div className="completion mono" role="listbox" id={`${id}-list`} aria-label={t("hunt.completion")} style={{ left: `min(calc(9px + ${place.from}ch - ${scrolled}px), calc(100% - 380px))` }}>
            {options.map((option, index) => (
              <Option key={option.insert} id={`${id}-${index}`} isChosen={index === chosen} onTake={() => take(index)} onPoint={() => setAt(index)}>
                <span className="name">{visible(option.label)}</span>
                {option.note && "type" in option.note && <small className="muted">{option.note.type}</small>}
                {option.note && <small className="muted share">{option.isField ? percent(option.note.count, offered.total, n) : `${offered.isWhole ? "" : "≥\u00a0"}${n(option.note.count)}`}</small>}
              </Option>
            ))}
          </div>
        )}
      </div>
      <button type="button" className="button main" onClick={ask}>
        {t("action.search")}
      </button>
      {problem && isAsked && options.length === 0 && (
        <div className="query-problem appear" id="query-problem" role="alert">
          <span className="error">{problem.detail}</span>
          {problem.near?.map((name) => (
            <button key={name} type="button" className="link mono" onClick={() => onAsk(text.slice(0, position) + name + text.slice(position + wrongAt(text, position)[1]))}>
              {name}
            </button>
          ))}
          <span className="muted"> {t("hunt.position", { n: position + 1 })}</span>
        </div>
      )}
    </div>
  );
}

function Option({ id, isChosen, onTake, onPoint, children }: { id: string; isChosen: boolean; onTake: () => void; onPoint: () => void; children: React.ReactNode }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (isChosen) place.current?.scrollIntoView({ block: "nearest" });
  }, [isChosen]);
  return (
    <div
      ref={place}
      id={id}
      role="option"
      aria-selected={isChosen}
      tabIndex={-1}
      // the box keeps the focus, and so the caret
      onMouseDown={(event) => event.preventDefault()}
      onClick={onTake}
      onMouseMove={onPoint}
    >
      {children}
    </div>
  );
}

/** In how many of the events a field is: `98 %`, `< 1 %`. */
export function percent(count: number, total: number, n: (value: number) => string): string {
  if (!total) return "";
  const share = (100 * count) / total;
  return count > 0 && share < 1 ? "<\u00a01\u00a0%" : `${n(Math.min(count < total ? 99 : 100, Math.round(share)))}\u00a0%`;
}

/** What is offered at a place: fields of the time asked about, or a field's values. */
function useOffered(place: Place, range: Props["range"], isOn: boolean) {
  const field = place.kind === "value" ? place.field : "";
  const [word] = useDebouncedValue(place.word, REST);
  const params = { query: "", ...range };
  const kept = { staleTime: Number.POSITIVE_INFINITY, retry: false } as const;
  const fields = useQuery({
    queryKey: ["fields", params],
    enabled: isOn,
    ...kept,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/fields", { params: { query: params }, signal })),
  });
  const known = fields.data?.fields;
  const type = known?.find((each) => each.name === field)?.type;
  const canOffer = isOn && !!type && type !== "date" && type !== "text";
  const first = useQuery({
    queryKey: ["values", params, field],
    enabled: canOffer,
    ...kept,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/terms", { params: { query: { ...params, field, limit: VALUES } }, signal })),
  });
  // of a field with more values than these, those that begin as what is written
  const begun = { ...params, query: `"${field.replace(/["\\]/g, "\\$&")}": ${word.replace(/[^\p{L}\p{N}_.]/gu, "\\$&")}*` };
  const more = useQuery({
    queryKey: ["values", begun, field],
    enabled: canOffer && word.length > 1 && (first.data?.other ?? 0) > 0 && type !== "boolean",
    ...kept,
    queryFn: ({ signal }) => data(api.GET("/api/v1/events/terms", { params: { query: { ...begun, field, limit: VALUES } }, signal })),
  });
  const found = more.data?.values.length ? more.data : first.data;
  const values = found?.values ?? NONE;
  return {
    options: useMemo(() => suggestions(place, known ?? [], values), [place, known, values]),
    isWhole: !found || isWhole(found.truth),
    total: known?.find((each) => each.name === "@timestamp")?.count ?? 0,
  };
}
