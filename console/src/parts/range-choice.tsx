// The range of time: what is usual in one choice, any other by its two ends.
import { Popover } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { PRESETS, resolve } from "../lib/range";
import { fromInput, moment, toInput } from "../lib/time";
import { useWords } from "../words";
import { useHouse } from "./house";

interface Range {
  from: string;
  to: string;
}

export function RangeChoice({ from, to, onChange }: Range & { onChange: (range: Range) => void }) {
  const { t, language } = useWords();
  const { zone } = useHouse().me;
  const [isOpen, setOpen] = useState(false);
  const preset = to === "now" ? PRESETS.find((name) => name === from) : undefined;
  const ends = [from, to].map((text) => Date.parse(resolve(text, Date.now())));
  const shown = (at: number | undefined, text: string) => (at === undefined || Number.isNaN(at) ? text : moment(at, language, zone).slice(0, -3));
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [first, last] = ["from", "to"].map((name) => fromInput(String(form.get(name)), zone));
    if (first === undefined || last === undefined || Number.isNaN(first) || Number.isNaN(last)) return;
    setOpen(false);
    onChange({ from: new Date(Math.min(first, last)).toISOString(), to: new Date(Math.max(first, last)).toISOString() });
  };
  const input = (at: number | undefined) => (at === undefined || Number.isNaN(at) ? "" : toInput(at, zone));
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" trapFocus returnFocus transitionProps={{ duration: 0 }} shadow="md">
      <Popover.Target>
        <button type="button" className="button" aria-haspopup="dialog" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {preset ? t(`range.${preset}`) : `${shown(ends[0], from)} → ${to === "now" ? t("range.now") : shown(ends[1], to)}`} <span aria-hidden="true">▾</span>
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t("range.title")}>
        <div className="range-form">
          <div className="range-presets">
            {PRESETS.map((name) => (
              <button
                key={name}
                type="button"
                className={`button small${preset === name ? " pressed" : ""}`}
                onClick={() => {
                  setOpen(false);
                  onChange({ from: name, to: "now" });
                }}
              >
                {t(`range.${name}`)}
              </button>
            ))}
          </div>
          <form className="form" onSubmit={submit}>
            <label className="field">
              <span className="label">{t("range.from")}</span>
              <input className="input" type="datetime-local" step={1} name="from" defaultValue={input(ends[0])} required />
            </label>
            <label className="field">
              <span className="label">{t("range.to")}</span>
              <input className="input" type="datetime-local" step={1} name="to" defaultValue={input(ends[1])} required />
            </label>
            <button type="submit" className="button main">
              {t("range.take")}
            </button>
            <p className="muted">{t("range.zone", { zone })}</p>
          </form>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
