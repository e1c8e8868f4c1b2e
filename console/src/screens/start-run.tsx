// Starting a playbook for an incident, or seeing first what it would do.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data } from "../api/client";
import { Asking } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

export function StartRun({ number, onClose }: { number: string; onClose: () => void }) {
  const { t, said } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const [isDry, setDry] = useState(true);
  const asked = useQuery({ queryKey: ["playbooks"], queryFn: () => data(api.GET("/api/v1/playbooks")) });
  const start = useMutation({
    mutationFn: (playbook: string) => data(api.POST("/api/v1/incidents/{key}/runs", { params: { path: { key: number } }, body: { playbook, is_dry: isDry } })),
    onSuccess: (run) => {
      void queries.invalidateQueries({ queryKey: ["incident"] });
      void queries.invalidateQueries({ queryKey: ["runs"] });
      tell({ text: t("start.done", { title: said(run.title) }) });
      onClose();
    },
    onError: (error) => tell({ text: error.message, isBad: true }),
  });
  const submit = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    start.mutate(String(new FormData(event.currentTarget).get("playbook")));
  };
  if (!asked.data) return <Asking />;
  return (
    <Dialog title={t("start.title", { number })} onClose={onClose}>
      <form className="form" onSubmit={submit}>
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
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button type="submit" className="button main" disabled={start.isPending || asked.data.items.length === 0}>
            {isDry ? t("start.try") : t("start.do")}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
