// Editing sources in place: one, or a column of many at once; what is wrong stands at its field, and nothing is changed then.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { api, data } from "../api/client";
import { Asking, Failed } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { FormDialog } from "../parts/form-dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { undoOf } from "./source-undo";

const COLUMNS = ["addresses", "product", "system", "agency", "place", "owner", "level", "zone", "silence", "expected", "relay", "retention"] as const;
type Column = (typeof COLUMNS)[number];
const ONE_ONLY: readonly Column[] = ["addresses"];
const SUGGESTED: readonly Column[] = ["product", "system", "agency", "place", "owner"];

export function EditDialog({ names, onClose }: { names: readonly string[]; onClose: () => void }) {
  const { t } = useWords();
  const asked = useQuery({ queryKey: ["sources", "declared"], queryFn: () => data(api.GET("/api/v1/sources/declared")) });
  if (asked.data) return <Fields names={names} inventory={asked.data} onClose={onClose} />;
  return (
    <Dialog title={t("inventory.edit")} onClose={onClose}>
      {asked.isError ? <Failed error={asked.error} again={() => void asked.refetch()} /> : <Asking />}
    </Dialog>
  );
}

function Fields({ names, inventory, onClose }: { names: readonly string[]; inventory: Schemas["Inventory"]; onClose: () => void }) {
  const { t, said } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const mine = inventory.items.filter((item) => names.includes(item.name));
  const before = (column: Column): string | null => {
    const values = new Set(mine.map((item) => item.cells[column] ?? ""));
    return values.size === 1 ? ([...values][0] ?? "") : null;
  };
  const [typed, setTyped] = useState<Partial<Record<Column, string>>>({});
  const [wrong, setWrong] = useState<Schemas["WrongCell"][]>([]);
  const changes = Object.fromEntries(Object.entries(typed).filter(([column, text]) => text !== before(column as Column)));
  const send = async () => {
    const done = await data(api.POST("/api/v1/sources/edit", { body: { sources: [...names], changes } }));
    setWrong(done.wrong);
    if (done.wrong.length > 0) return;
    void queries.invalidateQueries({ queryKey: ["sources"] });
    tell({ text: t("inventory.edited", { n: Object.keys(done.changed).length }), undo: undoOf(done.entry, queries) });
    onClose();
  };
  const title = names.length === 1 ? t("inventory.edit_one", { name: names[0] ?? "" }) : t("inventory.edit_many", { n: names.length });
  return (
    <FormDialog title={title} onClose={onClose} wide send={t("inventory.save")} isBlocked={Object.keys(changes).length === 0} onSend={send}>
      {names.length > 1 && <p className="muted">{t("inventory.edit_help")}</p>}
      <div className="form-grid">
        {COLUMNS.filter((column) => names.length === 1 || !ONE_ONLY.includes(column)).map((column) => {
          const was = before(column);
          const bad = wrong.find((cell) => cell.column === column);
          const options = column === "agency" && Object.keys(inventory.agencies).length > 0 ? Object.values(inventory.agencies) : [...new Set(inventory.items.map((item) => item.cells[column] ?? ""))].filter(Boolean);
          const common = {
            className: "input",
            name: column,
            value: typed[column] ?? was ?? "",
            "aria-invalid": bad !== undefined,
            onChange: (event: { target: { value: string } }) => setTyped((now) => ({ ...now, [column]: event.target.value })),
          };
          return (
            <label key={column} className={`field${column === "expected" || column === "addresses" ? " whole-row" : ""}`}>
              <span className="label">{t(`inventory.column.${column}`)}</span>
              {column === "retention" || column === "relay" ? (
                <select {...common}>
                  {was === null && <option value="">{t("inventory.several")}</option>}
                  {(column === "relay" ? ["", "x"] : ["", ...inventory.retention.filter((name) => name !== "default")]).map((value) => (
                    <option key={value} value={value}>
                      {column === "relay" ? t(value ? "inventory.is_relay" : "inventory.no_relay") : value || t("inventory.by_level")}
                    </option>
                  ))}
                </select>
              ) : (
                <input {...common} list={SUGGESTED.includes(column) ? `known-${column}` : undefined} placeholder={was === null ? t("inventory.several") : ""} autoComplete="off" spellCheck={false} />
              )}
              {SUGGESTED.includes(column) && (
                <datalist id={`known-${column}`}>
                  {options.map((value) => (
                    <option key={value} value={value} />
                  ))}
                </datalist>
              )}
              {bad && <span className="critical">{said(bad.reason)}</span>}
            </label>
          );
        })}
      </div>
    </FormDialog>
  );
}
