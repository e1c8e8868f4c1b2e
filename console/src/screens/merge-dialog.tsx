// Merging others into an incident: their alerts and notes come here, the others point here.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "../api/client";
import { useChosen } from "../lib/chosen";
import { Asking, Failed } from "../parts/answer";
import { ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { Search } from "../parts/search";
import { Shape } from "../parts/severity";
import { useWords } from "../words";
import type { Detail } from "./incident";

export function MergeDialog({ incident, onClose, onMerge }: { incident: Detail; onClose: () => void; onMerge: (others: number[], reason: string) => Promise<void> }) {
  const { t, said } = useWords();
  const [text, setText] = useState("");
  const [chosen, toggle] = useChosen();
  const asked = useQuery({
    queryKey: ["incidents", "merge", text],
    queryFn: () => data(api.GET("/api/v1/incidents", { params: { query: { text: text || undefined, status: ["new", "open"], limit: 50 } } })),
  });
  // replays meet only replays
  const others = asked.data?.items.filter((other) => other.id !== incident.id && other.is_replay === incident.is_replay) ?? [];
  return (
    <FormDialog title={t("merge.title", { number: incident.number })} onClose={onClose} wide send={t("merge.do")} isBlocked={chosen.size === 0} onSend={(form) => onMerge([...chosen], textOf(form, "reason"))}>
      <div className="row">
        <Search label={t("incidents.search")} value={text} onChange={setText} />
      </div>
      <fieldset className="options scroll">
        <legend className="label">{t("merge.which")}</legend>
        {asked.isPending && <Asking />}
        {asked.isError && <Failed error={asked.error} again={() => void asked.refetch()} />}
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
      <ReasonField label={t("declare.reason")} rows={2} />
    </FormDialog>
  );
}
