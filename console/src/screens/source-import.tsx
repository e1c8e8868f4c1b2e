// Importing the inventory: a preview first, wrong cells with their reasons, then all or nothing.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { Failure, problemOf } from "../api/client";
import { visible } from "../lib/visible";
import { Dialog } from "../parts/dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";

type Plan = Schemas["ImportPlan"];

/** The file itself is the body, so no form is made of it. */
async function send(file: File, preview: boolean, language: string): Promise<Plan> {
  const params = new URLSearchParams({ name: file.name, preview: String(preview) });
  const response = await fetch(`/api/v1/sources/import?${params}`, { method: "POST", body: file, headers: { "x-kydai": "1", "accept-language": language } });
  if (!response.ok) throw new Failure(await problemOf(response));
  return (await response.json()) as Plan;
}

export function ImportDialog({ onClose }: { onClose: () => void }) {
  const { t, said, n, language } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const [file, setFile] = useState<File | null>(null);
  const [plan, setPlan] = useState<Plan | null>(null);
  const [problem, setProblem] = useState("");
  const ask = async (chosen: File, preview: boolean) => {
    setProblem("");
    try {
      const found = await send(chosen, preview, language);
      setPlan(found);
      if (found.is_applied) {
        tell({ text: t("import.applied", { added: found.added.length, changed: Object.keys(found.changed).length }) });
        void queries.invalidateQueries({ queryKey: ["sources"] });
        onClose();
      }
    } catch (error) {
      setPlan(null);
      setProblem(error instanceof Error ? error.message : String(error));
    }
  };
  const changes = plan ? plan.added.length + Object.keys(plan.changed).length : 0;
  return (
    <Dialog title={t("import.title")} onClose={onClose} wide>
      <div className="form">
        <p className="muted">
          {t("import.help")} <a href={`/api/v1/sources/template?format=xlsx&language=${language}`}>{t("import.template_xlsx")}</a>, <a href={`/api/v1/sources/template?format=csv&language=${language}`}>{t("import.template_csv")}</a>
        </p>
        <label className="file-field">
          <span className="label">{t("import.file")}</span>
          {/* the browser's own button speaks the browser's language */}
          <input
            type="file"
            className="visually-hidden"
            accept=".csv,.xlsx"
            data-autofocus
            onClick={(event) => {
              // a mended file of the same name is to be read again
              event.currentTarget.value = "";
            }}
            onChange={(event) => {
              const chosen = event.target.files?.[0] ?? null;
              setFile(chosen);
              setPlan(null);
              if (chosen) void ask(chosen, true);
            }}
          />
          <span className="row">
            <span className="button">{t("import.choose")}</span>
            <span className="muted">{file ? visible(file.name) : t("import.no_file")}</span>
          </span>
        </label>
        {problem && (
          <p className="error" role="alert">
            {problem}
          </p>
        )}
        {plan && (
          <p role="status">
            {t("import.plan", { added: plan.added.length, changed: Object.keys(plan.changed).length, unchanged: plan.unchanged })}
            {plan.wrong.length > 0 && <span className="critical"> {t("import.wrong", { n: plan.wrong.length })}</span>}
          </p>
        )}
        {plan && plan.wrong.length > 0 && (
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">{t("import.row")}</th>
                <th scope="col">{t("import.column")}</th>
                <th scope="col">{t("import.value")}</th>
                <th scope="col">{t("import.reason")}</th>
              </tr>
            </thead>
            <tbody>
              {plan.wrong.slice(0, 50).map((cell) => (
                <tr key={`${cell.row} ${cell.column}`}>
                  <td>{n(cell.row)}</td>
                  <td>{said(cell.title)}</td>
                  <td className="mono">{cell.value}</td>
                  <td>{said(cell.reason)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
        <div className="form-actions">
          <button type="button" className="button" onClick={onClose}>
            {t("action.cancel")}
          </button>
          <button type="button" className="button main" disabled={!file || !plan || plan.wrong.length > 0 || changes === 0} onClick={() => file && void ask(file, false)}>
            {t("import.apply")}
          </button>
        </div>
      </div>
    </Dialog>
  );
}
