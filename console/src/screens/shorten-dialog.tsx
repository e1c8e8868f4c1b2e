// To keep a class for less: what would go is seen first, a reason given, the name typed; it waits a day.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { size } from "../lib/size";
import { Field, ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { Problem } from "../parts/problem";
import { useToast } from "../parts/toast";
import { Between, When } from "../parts/when";
import { useWords } from "../words";

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
      <Going name={kept.name} months={months} />
      <ReasonField label={t("storage.shorten_reason")} isNeeded rows={2} />
      <Field label={t("storage.shorten_type", { name: kept.name })}>
        <input className="input mono" name="confirm" value={typed} autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
      </Field>
    </FormDialog>
  );
}

/** What would go, and when. */
function Going({ name, months }: { name: string; months: number }) {
  const { t, n, language } = useWords();
  const asked = useQuery({
    queryKey: ["store", "shortening", name, months],
    queryFn: () => data(api.GET("/api/v1/store/shortening", { params: { query: { name, months } } })),
  });
  if (asked.isError) return <Problem error={asked.error} />;
  if (asked.isPending) return <p className="going muted">{t("answer.asking")}</p>;
  const { total, at, goes } = asked.data;
  return (
    <div className="going" role="status">
      {total.first && total.last ? (
        goes.map((each) => (
          <p key={each.classes.join()} className="high">
            {t("storage.goes", { name: each.classes.join(", "), events: n(each.amount.events), size: size(each.amount.bytes, language), n: each.amount.parts })} {each.amount.first && each.amount.last && <Between first={each.amount.first} last={each.amount.last} />}
          </p>
        ))
      ) : (
        <p>{t("storage.nothing_goes")}</p>
      )}
      <p className="muted">
        {t("storage.in_force_from")} <When at={at} form="full" />. {t("storage.until_then")}
      </p>
    </div>
  );
}
