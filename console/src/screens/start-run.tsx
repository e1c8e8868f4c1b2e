// Starting a playbook for an incident, or seeing first what it would do.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "../api/client";
import { Failed } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

export function StartRun({ number, onClose }: { number: string; onClose: () => void }) {
  const { t, said } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const [isDry, setDry] = useState(true);
  const asked = useQuery({ queryKey: ["playbooks"], queryFn: () => data(api.GET("/api/v1/playbooks")) });
  const title = t("start.title", { number });
  const send = async (form: FormData) => {
    const run = await data(api.POST("/api/v1/incidents/{key}/runs", { params: { path: { key: number } }, body: { playbook: textOf(form, "playbook"), is_dry: isDry } }));
    void queries.invalidateQueries({ queryKey: ["incident"] });
    void queries.invalidateQueries({ queryKey: ["runs"] });
    tell({ text: t("start.done", { title: said(run.title) }) });
    onClose();
  };
  if (asked.isPending) return null;
  if (asked.isError) {
    return (
      <Dialog title={title} onClose={onClose}>
        <Failed error={asked.error} again={() => void asked.refetch()} />
      </Dialog>
    );
  }
  return (
    <FormDialog title={title} onClose={onClose} send={isDry ? t("start.try") : t("start.do")} isBlocked={asked.data.items.length === 0} onSend={send}>
      <fieldset className="options">
        <legend className="label">{t("playbooks.title")}</legend>
        {asked.data.items.map((playbook, at) => (
          <label key={playbook.name}>
            <input type="radio" name="playbook" value={playbook.name} defaultChecked={at === 0} required />
            <span>
              {said(playbook.title)}
              <span className="muted">{said(playbook.reason)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <label className="row">
        <input type="checkbox" checked={isDry} onChange={(event) => setDry(event.target.checked)} /> {t("start.dry")}
      </label>
    </FormDialog>
  );
}
