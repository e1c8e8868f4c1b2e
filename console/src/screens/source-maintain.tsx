// Maintenance of sources: with a reason, somebody who answers for it, and an end.
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data } from "../api/client";
import { Choice } from "../parts/choice";
import { Field, ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useHouse } from "../parts/house";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { undoOf } from "./source-undo";

const HOURS = [2, 4, 8, 24, 72, 168] as const;

export function MaintainDialog({ names, onClose }: { names: readonly string[]; onClose: () => void }) {
  const { t } = useWords();
  const { me } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const [hours, setHours] = useState("4");
  const send = async (form: FormData) => {
    const body = { sources: [...names], until: `now+${hours}h`, reason: textOf(form, "reason"), owner: textOf(form, "owner") };
    const done = await data(api.POST("/api/v1/sources/maintenance", { body }));
    void queries.invalidateQueries({ queryKey: ["sources"] });
    tell({ text: t("inventory.maintained", { n: done.sources }), undo: undoOf(done.entry, queries) });
    onClose();
  };
  const title = names.length === 1 ? t("inventory.maintain_one", { name: names[0] ?? "" }) : t("inventory.maintain_many", { n: names.length });
  return (
    <FormDialog title={title} onClose={onClose} send={t("inventory.maintain_do")} onSend={send}>
      <p className="muted">{t("inventory.maintain_help")}</p>
      <ReasonField label={t("inventory.reason")} isNeeded rows={2} limit={2000} />
      <div className="row wrap" style={{ alignItems: "flex-end" }}>
        <Field label={t("inventory.answers")}>
          <input className="input" name="owner" defaultValue={me.full_name || me.name} required maxLength={200} autoComplete="off" />
        </Field>
        <Choice label={t("inventory.for")} value={hours} options={HOURS.map((each) => ({ value: String(each), label: each < 48 ? t("inventory.hours", { n: each }) : t("inventory.days", { n: each / 24 }) }))} onChange={setHours} />
      </div>
    </FormDialog>
  );
}
