// The query: one line of text; where it is wrong is marked under the character.
import { useEffect, useRef, useState } from "react";
import type { Problem } from "../api/client";
import { useWords } from "../words";

export function QueryBox({ value, problem, onAsk }: { value: string; problem: Problem | null; onAsk: (text: string) => void }) {
  const { t } = useWords();
  const [text, setText] = useState(value);
  const [seen, setSeen] = useState(value);
  const [scrolled, setScrolled] = useState(0);
  const box = useRef<HTMLInputElement>(null);
  if (seen !== value) {
    setSeen(value);
    setText(value);
  }
  const isAsked = text.trim() === value.trim();
  const position = problem?.position ?? 0;
  useEffect(() => {
    if (problem) box.current?.setSelectionRange(position, position);
  }, [problem, position]);
  return (
    <div className="query-box">
      <input
        ref={box}
        className="input mono"
        aria-label={t("hunt.query")}
        aria-invalid={!!problem && isAsked}
        aria-describedby={problem ? "query-problem" : undefined}
        placeholder={t("hunt.placeholder")}
        spellCheck={false}
        autoCapitalize="none"
        autoComplete="off"
        value={text}
        onChange={(event) => setText(event.target.value)}
        onScroll={(event) => setScrolled(event.currentTarget.scrollLeft)}
        onKeyDown={(event) => {
          if (event.key === "Enter") onAsk(text);
          if (event.key === "Escape") event.currentTarget.blur();
        }}
      />
      <button type="button" className="button main" onClick={() => onAsk(text)}>
        {t("action.search")}
      </button>
      {problem && isAsked && (
        <div className="query-problem appear" id="query-problem" role="alert">
          <span className="query-caret mono" style={{ left: `calc(10px + ${position}ch - ${scrolled}px)` }} aria-hidden="true">
            ▲
          </span>
          <span className="error">{problem.detail}</span>
          {problem.near?.map((name) => (
            <span key={name} className="mono">
              {" "}
              {name}
            </span>
          ))}
          <span className="muted"> {t("hunt.position", { n: position + 1 })}</span>
        </div>
      )}
    </div>
  );
}
