// The range of time: what is usual in one choice, any other by its two ends.
import { Popover } from "@mantine/core";
import { type FormEvent, useId, useState } from "react";
import { PRESETS, resolve } from "../lib/range";
import { moment, typed } from "../lib/time";
import { useWords } from "../words";
import { useHouse } from "./house";
import { MomentField } from "./moment-field";

const UNITS = ["m", "h", "d"] as const;

interface Range {
  from: string;
  to: string;
}

export function RangeChoice({ from, to, onChange }: Range & { onChange: (range: Range) => void }) {
  const { t, language } = useWords();
  const id = useId();
  const { zone } = useHouse().me;
  const [isOpen, setOpen] = useState(false);
  const preset = to === "now" ? PRESETS.find((name) => name === from) : undefined;
  const ends = [from, to].map((text) => Date.parse(resolve(text, Date.now())));
  const shown = (at: number | undefined, text: string) => (at === undefined || Number.isNaN(at) ? text : moment(at, language, zone).slice(0, -3));
  const [wrong, setWrong] = useState<string | null>(null);
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const first = typed(String(form.get("from")), zone);
    const last = typed(String(form.get("to")), zone);
    if (Number.isNaN(first) || Number.isNaN(last)) {
      setWrong(Number.isNaN(first) ? "from" : "to");
      return;
    }
    setWrong(null);
    setOpen(false);
    onChange({ from: new Date(Math.min(first, last)).toISOString(), to: new Date(Math.max(first, last)).toISOString() });
  };
  const relative = to === "now" ? /^now-(\d+)([mhd])$/.exec(from) : null;
  const last = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setOpen(false);
    onChange({ from: `now-${Number(form.get("number"))}${String(form.get("unit"))}`, to: "now" });
  };
  const initial = (at: number | undefined) => (at === undefined || Number.isNaN(at) ? "" : moment(at, language, zone));
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" trapFocus returnFocus transitionProps={{ duration: 0 }} shadow="md">
      <Popover.Target>
        <button type="button" className="button" aria-haspopup="dialog" aria-expanded={isOpen} title={`${shown(ends[0], from)} → ${shown(ends[1], to)} (${zone})`} onClick={() => setOpen(!isOpen)}>
          {preset ? t(`range.${preset}`) : relative ? t("range.relative", { n: Number(relative[1]), unit: t(`range.unit.${relative[2] as (typeof UNITS)[number]}`) }) : `${shown(ends[0], from)} → ${to === "now" ? t("range.now") : shown(ends[1], to)}`} <span aria-hidden="true">▾</span>
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
          <div className="form">
            <form className="range-last" onSubmit={last}>
              <label htmlFor={`${id}-last`}>{t("range.last")}</label>
              <input className="input" id={`${id}-last`} name="number" type="number" min={1} max={999} required defaultValue={relative?.[1] ?? 6} />
              <select className="input" name="unit" aria-label={t("range.unit")} defaultValue={relative?.[2] ?? "h"}>
                {UNITS.map((unit) => (
                  <option key={unit} value={unit}>
                    {t(`range.unit.${unit}`)}
                  </option>
                ))}
              </select>
              <button type="submit" className="button">
                {t("range.take_last")}
              </button>
            </form>
          <form className="form" onSubmit={submit}>
            <MomentField label={t("range.from")} name="from" initial={initial(ends[0])} problem={wrong === "from" ? t("moment.wrong") : undefined} />
            <MomentField label={t("range.to")} name="to" initial={initial(ends[1])} problem={wrong === "to" ? t("moment.wrong") : undefined} />
            <button type="submit" className="button main">
              {t("range.take")}
            </button>
            <p className="muted">{t("range.zone", { zone })}</p>
          </form>
          </div>
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
