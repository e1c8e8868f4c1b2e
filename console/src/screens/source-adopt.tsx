// Undeclared senders, each with a guess what it is: ticked, corrected, and declared at once.
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { Schemas } from "../api/client";
import { api, data } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { Dialog } from "../parts/dialog";
import { FormDialog } from "../parts/form-dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { undoOf } from "./source-undo";

type Stranger = Schemas["StrangerRow"];
type Cells = Record<string, string>;
const EDITED = ["name", "product", "system", "agency", "place"] as const;
const FOR_ALL = ["system", "agency", "place"] as const;
const keyOf = (row: Stranger) => row.senders.join(" ");

export function AdoptDialog({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const asked = useQuery({ queryKey: ["sources", "strangers"], staleTime: Number.POSITIVE_INFINITY, gcTime: 0, queryFn: () => data(api.GET("/api/v1/sources/strangers")) });
  if (asked.data && asked.data.items.length > 0) return <Strangers rows={asked.data.items} onClose={onClose} />;
  return (
    <Dialog title={t("inventory.adopt")} onClose={onClose}>
      {asked.isError ? <Failed error={asked.error} again={() => void asked.refetch()} /> : asked.isPending ? <Asking /> : <p>{t("inventory.no_strangers")}</p>}
    </Dialog>
  );
}

function Strangers({ rows, onClose }: { rows: readonly Stranger[]; onClose: () => void }) {
  const { t, said } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(() => new Set(rows.map(keyOf)));
  const [typed, setTyped] = useState<Record<string, Cells>>({});
  const [forAll, setForAll] = useState<Cells>({});
  const [wrong, setWrong] = useState<ReadonlyMap<string, Schemas["WrongCell"][]>>(new Map());
  const cellsOf = (row: Stranger): Cells => ({ ...row.cells, ...Object.fromEntries(Object.entries(forAll).filter(([, text]) => text)), ...typed[keyOf(row)] });
  const meant = rows.filter((row) => chosen.has(keyOf(row)));
  const toggle = (key: string) =>
    setChosen((now) => {
      const next = new Set(now);
      if (!next.delete(key)) next.add(key);
      return next;
    });
  const send = async () => {
    const done = await data(api.POST("/api/v1/sources/adopt", { body: { rows: meant.map(cellsOf) } }));
    const found = new Map<string, Schemas["WrongCell"][]>();
    for (const cell of done.wrong) {
      const row = meant[cell.row - 2];
      if (row) found.set(keyOf(row), [...(found.get(keyOf(row)) ?? []), cell]);
    }
    setWrong(found);
    if (done.wrong.length > 0) return;
    void queries.invalidateQueries({ queryKey: ["sources"] });
    tell({ text: t("inventory.adopted", { n: done.added.length }), undo: undoOf(done.entry, queries) });
    onClose();
  };
  const isAll = chosen.size === rows.length;
  return (
    <FormDialog title={t("inventory.adopt")} onClose={onClose} width={1120} send={t("inventory.adopt_do", { n: meant.length })} isBlocked={meant.length === 0} onSend={send}>
      <p className="muted">{t("inventory.adopt_help")}</p>
      <div className="row wrap">
        {FOR_ALL.map((column) => (
          <label key={column} className="field">
            <span className="label">{t("inventory.for_all", { column: t(`inventory.column.${column}`) })}</span>
            <input className="input" value={forAll[column] ?? ""} autoComplete="off" onChange={(event) => setForAll((now) => ({ ...now, [column]: event.target.value }))} />
          </label>
        ))}
      </div>
      <div className="adopt-rows">
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col" style={{ width: 32, minWidth: 32 }}>
                <input type="checkbox" aria-label={t("inventory.choose_all")} checked={isAll} onChange={() => setChosen(isAll ? new Set() : new Set(rows.map(keyOf)))} />
              </th>
              <th scope="col" style={{ width: 130 }}>
                {t("inventory.sender")}
              </th>
              {EDITED.map((column) => (
                <th key={column} scope="col">
                  {t(`inventory.column.${column}`)}
                </th>
              ))}
              <th scope="col" style={{ width: 84 }}>
                {t("inventory.relay_head")}
              </th>
              <th scope="col" style={{ width: 230 }}>
                {t("inventory.why")}
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => {
              const [key, cells] = [keyOf(row), cellsOf(row)];
              const change = (column: string, text: string) => setTyped((now) => ({ ...now, [key]: { ...now[key], [column]: text } }));
              return (
                <tr key={key} className={chosen.has(key) ? "" : "unchosen"}>
                  <td>
                    <input type="checkbox" aria-label={row.senders.join(", ")} checked={chosen.has(key)} onChange={() => toggle(key)} />
                  </td>
                  <td className="mono">
                    {row.senders.map((sender) => (
                      <div key={sender}>{visible(sender)}</div>
                    ))}
                  </td>
                  {EDITED.map((column) => (
                    <td key={column}>
                      <input className="input" aria-label={`${t(`inventory.column.${column}`)} ${row.senders[0]}`} value={cells[column] ?? ""} autoComplete="off" spellCheck={false} onChange={(event) => change(column, event.target.value)} />
                    </td>
                  ))}
                  <td>
                    <input type="checkbox" aria-label={`${t("inventory.relay_head")} ${row.senders[0]}`} checked={cells.relay === "x"} onChange={(event) => change("relay", event.target.checked ? "x" : "")} />
                  </td>
                  <td className="muted why">
                    {(wrong.get(key) ?? []).map((cell) => (
                      <div key={`${cell.column} ${cell.reason.en}`} className="critical">
                        {said(cell.title)}: {said(cell.reason)}
                      </div>
                    ))}
                    {row.why.map((text) => (
                      <div key={text.en}>{said(text)}</div>
                    ))}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </FormDialog>
  );
}
