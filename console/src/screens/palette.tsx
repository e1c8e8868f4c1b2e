// The palette (Ctrl K): to a screen, an incident, or the events with a word.
import { useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useId, useState } from "react";
import { useNavigate } from "react-router";
import { useDebouncedValue } from "@mantine/hooks";
import { api, data } from "../api/client";
import { Dialog } from "../parts/dialog";
import { Shape } from "../parts/severity";
import { type EntityKind, entityPath } from "../lib/entity";
import { literal } from "../lib/query-text";
import { fold } from "../lib/fold";
import { useWords } from "../words";
import { usePlaces } from "./shell";

/** What a word may name. */
function entitiesOf(word: string): EntityKind[] {
  if (/^(\d{1,3}\.){3}\d{1,3}$|^[\da-f]*:[\da-f:.]+$/i.test(word)) return ["ip"];
  return /^[\w$][\w.$-]{2,}$/.test(word) && !/^[\d.]+$/.test(word) ? ["host", "user"] : [];
}

export function Palette({ onClose }: { onClose: () => void }) {
  const { t, said } = useWords();
  const places = usePlaces();
  const navigate = useNavigate();
  const id = useId();
  const [text, setText] = useState("");
  // by its key: an incident that is found late must not move what Enter opens
  const [at, setAt] = useState<string | null>(null);
  const [asked] = useDebouncedValue(text.trim(), 200);
  const incidents = useQuery({
    queryKey: ["incidents", "palette", asked],
    enabled: asked.length > 1,
    queryFn: () => data(api.GET("/api/v1/incidents", { params: { query: { text: asked, limit: 5 } } })),
  });

  const word = text.trim();
  const isQuery = /[:*]/.test(word);
  const options = [
    ...places.flatMap((place) => (place && fold(t(place.name)).includes(fold(word)) ? [{ key: place.path, to: place.path, label: <span>{t(place.name)}</span> }] : [])),
    ...(word ? (incidents.data?.items ?? []) : []).map((incident) => ({
      key: incident.number,
      to: `/incidents/${incident.number}`,
      label: (
        <>
          <Shape tone={incident.level} />
          <span className="mono">{incident.number}</span> <span>{said(incident.title)}</span>
        </>
      ),
    })),
    ...entitiesOf(word).map((kind) => ({
      key: kind,
      to: entityPath(kind, word),
      label: (
        <span>
          {t(`entity.kind.${kind}`)} <span className="mono">{word}</span>
        </span>
      ),
    })),
    ...(word
      ? [{ key: "hunt", to: `/hunt?q=${encodeURIComponent(isQuery ? word : literal(word))}`, label: <span>{t("palette.hunt", { text: word })}</span> }]
      : []),
  ];
  const chosen = Math.max(0, options.findIndex((option) => option.key === at));
  const go = (to: string) => {
    onClose();
    void navigate(to);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (step) {
      event.preventDefault();
      setAt(options[Math.max(0, Math.min(options.length - 1, chosen + step))]?.key ?? null);
    }
    const option = options[chosen];
    if (event.key === "Enter" && option) go(option.to);
  };
  return (
    <Dialog title={t("palette.title")} onClose={onClose} wide>
      <input
        className="input"
        style={{ width: "100%" }}
        data-autofocus
        role="combobox"
        aria-label={t("palette.ask")}
        aria-expanded
        aria-controls={`${id}-list`}
        aria-activedescendant={options.length ? `${id}-${chosen}` : undefined}
        placeholder={t("palette.ask")}
        value={text}
        onChange={(event) => {
          setText(event.target.value);
          setAt(null);
        }}
        onKeyDown={onKeyDown}
      />
      <div className="palette-list" role="listbox" id={`${id}-list`} aria-label={t("palette.title")}>
        {options.map((option, index) => (
          <div key={option.key} id={`${id}-${index}`} role="option" aria-selected={index === chosen} tabIndex={-1} onClick={() => go(option.to)} onMouseMove={() => setAt(option.key)}>
            {option.label}
          </div>
        ))}
      </div>
    </Dialog>
  );
}
