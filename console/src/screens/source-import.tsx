// Importing the inventory: a preview first, wrong cells with their reasons, then all or nothing.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { Failure, problemOf } from "../api/client";
import { visible } from "../lib/visible";
import { FormDialog } from "../parts/form-dialog";
import { Problem } from "../parts/problem";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { undoOf } from "./source-undo";

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
  const [problem, setProblem] = useState<unknown>(null);
  const preview = async (chosen: File) => {
    setProblem(null);
    try {
      setPlan(await send(chosen, true, language));
    } catch (error) {
      setProblem(error);
    }
  };
  const apply = async () => {
    if (!file) return;
    const found = await send(file, false, language);
    setPlan(found);
    if (!found.is_applied) return;
    tell({ text: t("import.applied", { added: found.added.length, changed: Object.keys(found.changed).length }), undo: undoOf(found.entry, queries) });
    void queries.invalidateQueries({ queryKey: ["sources"] });
    onClose();
  };
  const changes = plan ? plan.added.length + Object.keys(plan.changed).length : 0;
  return (
    <FormDialog title={t("import.title")} onClose={onClose} wide send={t("import.apply")} isBlocked={!file || !plan || plan.wrong.length > 0 || changes === 0} onSend={apply}>
        <p className="muted">
          {t("import.help")} <a href={`/api/v1/sources/template?format=xlsx&language=${language}`}>{t("import.template_xlsx")}</a>, <a href={`/api/v1/sources/template?format=csv&language=${language}`}>{t("import.template_csv")}</a>
          {" · "}
          <a href={`/api/v1/sources/template?format=xlsx&filled=true&language=${language}`}>{t("import.template_filled")}</a>
        </p>
        <label className="file-field">
          <span className="label">{t("import.file")}</span>
          {/* the browser's own button speaks the browser's language */}
          <input
            type="file"
            className="visually-hidden"
            accept=".csv,.xlsx"
            onClick={(event) => {
              // a mended file of the same name is to be read again
              event.currentTarget.value = "";
            }}
            onChange={(event) => {
              const chosen = event.target.files?.[0] ?? null;
              setFile(chosen);
              setPlan(null);
              if (chosen) void preview(chosen);
            }}
          />
          <span className="row">
            <span className="button">{t("import.choose")}</span>
            <span className="muted">{file ? visible(file.name) : t("import.no_file")}</span>
          </span>
        </label>
        {problem !== null && <Problem error={problem} />}
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
                <tr key={`${cell.row} ${cell.column} ${cell.reason.en}`}>
                  <td>{n(cell.row)}</td>
                  <td>{said(cell.title)}</td>
                  <td className="mono">{cell.value}</td>
                  <td>{said(cell.reason)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
    </FormDialog>
  );
}
