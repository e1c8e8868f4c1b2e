// Merging others into an incident: their alerts and notes come here, the others point here.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "../api/client";
import { useChosen } from "../lib/chosen";
import { Asking } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { Search } from "../parts/search";
import { Shape } from "../parts/severity";
import { useWords } from "../words";
import type { Detail } from "./incident";

export function MergeDialog({ incident, onClose, onMerge }: { incident: Detail; onClose: () => void; onMerge: (others: number[], reason: string) => void }) {
  const { t, said } = useWords();
  const [text, setText] = useState("");
  const [chosen, toggle] = useChosen();
  const [reason, setReason] = useState("");
  const asked = useQuery({
    queryKey: ["incidents", "merge", text],
    queryFn: () => data(api.GET("/api/v1/incidents", { params: { query: { text: text || undefined, status: ["new", "open"], limit: 50 } } })),
  });
  // replays meet only replays
  const others = asked.data?.items.filter((other) => other.id !== incident.id && other.is_replay === incident.is_replay) ?? [];
  return (
    <Dialog title={t("merge.title", { number: incident.number })} onClose={onClose} wide>
      <form
        className="form"
        onSubmit={(event) => {
          event.preventDefault();
          onMerge([...chosen], reason.trim());
        }}
      >
        <div className="row">
          <Search label={t("incidents.search")} value={text} onChange={setText} />
        </div>
        <fieldset className="options scroll">
          <legend className="label">{t("merge.which")}</legend>
          {asked.isPending && <Asking />}
          {asked.data && others.length === 0 && <p className="muted">{t("merge.none")}</p>}
          {others.map((other) => (
            <label key={other.id}>
              <input type="checkbox" checked={chosen.has(other.id)} onChange={() => toggle(other.id)} />
              <Shape tone={other.level} />
              <span>
                <span className="mono">{other.number}</span> {said(other.title)}
              </span>
            </label>
          ))}
        </fieldset>
        <label className="field">
          <span className="label">{t("declare.reason")}</span>
          <textarea className="input" rows={2} maxLength={20_000} value={reason} onChange={(event) => setReason(event.target.value)} />
        </label>
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button type="submit" className="button main" disabled={chosen.size === 0}>
            {t("merge.do")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
