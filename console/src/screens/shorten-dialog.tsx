// To keep a class for less: what would go is seen first, a reason given, the name typed; it waits a day.
import { useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { Field, ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { Going } from "./going";

type Kept = Schemas["KeptClass"];

export function ShortenDialog({ kept, onClose, onDone }: { kept: Kept; onClose: () => void; onDone: (store: Schemas["StoreState"]) => void }) {
  const { t, named } = useWords();
  const tell = useToast();
  const [months, setMonths] = useState(kept.wished);
  const [typed, setTyped] = useState("");
  const send = async (form: FormData) => {
    const body = { name: kept.name, months, reason: textOf(form, "reason"), confirm: typed.trim() };
    onDone(await data(api.POST("/api/v1/store/shortenings", { body })));
    tell({ text: t("storage.will_shorten", { name: kept.name, n: months }) });
    onClose();
  };
  const choices = Array.from({ length: kept.months - kept.wished }, (_, at) => kept.wished + at);
  return (
    <FormDialog title={t("storage.shorten_title", { name: named("storage.class", kept.name) })} onClose={onClose} wide send={t("storage.shorten_do")} isBlocked={typed.trim() !== kept.name} onSend={send}>
      <Field label={t("storage.shorten_to", { n: kept.months })}>
        <select className="input" name="months" value={months} onChange={(event) => setMonths(Number(event.target.value))}>
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {t("storage.months", { n: choice })}
            </option>
          ))}
        </select>
      </Field>
      <Going queryKey={["store", "shortening", kept.name, months]} ask={() => data(api.GET("/api/v1/store/shortening", { params: { query: { name: kept.name, months } } }))} />
      <ReasonField label={t("storage.shorten_reason")} isNeeded rows={2} limit={500} />
      <Field label={t("storage.shorten_type", { name: kept.name })}>
        <input className="input mono" name="confirm" value={typed} autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
      </Field>
    </FormDialog>
  );
}
