// An exception from an alert: the narrowest condition is ticked, and what it would have taken is said before it is made.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { Dialog } from "../parts/dialog";
import { Field, ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { Problem } from "../parts/problem";
import { useToast } from "../parts/toast";
import { usePeople } from "../parts/who";
import { useWords } from "../words";

type Offer = Schemas["ExceptionOffer"];
const DAYS = [7, 30, 90, 180, 365] as const;
const USUAL = 90;

export default function ExceptDialog({ alert, onClose }: { alert: number; onClose: () => void }) {
  const { t } = useWords();
  const [rule, setRule] = useState<string | undefined>(undefined);
  const asked = useQuery({
    queryKey: ["exception", "offer", alert, rule],
    queryFn: () => data(api.GET("/api/v1/exceptions/offer", { params: { query: { alert, rule } } })),
  });
  if (asked.data) return <Offered key={asked.data.rule.id} alert={alert} offer={asked.data} onRule={setRule} onClose={onClose} />;
  return (
    <Dialog title={t("except.title")} onClose={onClose}>
      {asked.isError ? <Failed error={asked.error} again={() => void asked.refetch()} /> : <Asking />}
    </Dialog>
  );
}

function Offered({ alert, offer, onRule, onClose }: { alert: number; offer: Offer; onRule: (rule: string) => void; onClose: () => void }) {
  const { t, said } = useWords();
  const tell = useToast();
  const { nameOf } = usePeople();
  // people see names; what is kept is whom they sign in as
  const owner = nameOf(offer.owner);
  const [fields, setFields] = useState<readonly string[]>(() => offer.fields.filter((each) => each.is_ticked).map((each) => each.field));
  const [days, setDays] = useState(String(USUAL));
  const toggle = (name: string) => setFields((now) => offer.fields.map((each) => each.field).filter((each) => now.includes(each) !== (each === name)));
  const body = { alert, rule: offer.rule.id, fields: [...fields] };
  const seen = useQuery({
    queryKey: ["exception", "preview", body],
    enabled: fields.length > 0,
    queryFn: () => data(api.POST("/api/v1/exceptions/preview", { body })),
  });
  const make = async (form: FormData) => {
    const made = await data(api.POST("/api/v1/exceptions", { body: { ...body, reason: textOf(form, "reason"), owner: textOf(form, "owner") === owner ? offer.owner : textOf(form, "owner"), expires: `now+${days}d` } }));
    onClose();
    tell({
      text: t(made.exception.state === "pending" ? "except.made_pending" : "except.made", { number: String(made.exception.id) }),
      undo: made.entry === null ? undefined : () => data(api.POST("/api/v1/exceptions/undo", { body: { entry: made.entry ?? 0 } })),
    });
  };
  return (
    <FormDialog title={t("except.title")} onClose={onClose} wide send={t("except.do")} isBlocked={fields.length === 0} onSend={make}>
      {offer.rules.length > 1 ? (
        <Choice label={t("column.rule")} value={offer.rule.id} options={offer.rules.map((each) => ({ value: each.id, label: said(each.title) }))} onChange={onRule} />
      ) : (
        <p>{said(offer.rule.title)}</p>
      )}
      <fieldset className="options scroll">
        <legend className="label">{t("except.which", { n: offer.events })}</legend>
        {offer.fields.map((each) => (
          <label key={each.field}>
            <input type="checkbox" checked={fields.includes(each.field)} onChange={() => toggle(each.field)} />
            <span className="break">
              <span className="mono">{each.field}</span>
              <span className="mono muted">{each.values.map(visible).join(` ${t("except.or")} `)}</span>
            </span>
          </label>
        ))}
      </fieldset>
      {offer.too_long.length > 0 && (
        <p className="muted">
          {t("except.too_long")} <span className="mono">{offer.too_long.map(visible).join(", ")}</span>
        </p>
      )}
      {fields.length === 0 ? <p className="medium">{t("except.none")}</p> : <Consequence seen={seen.data} problem={seen.error} />}
      <ReasonField label={t("except.reason")} isNeeded rows={2} limit={2000} />
      <div className="row wrap" style={{ alignItems: "flex-end" }}>
        <Field label={t("except.owner")}>
          <input className="input" name="owner" key={owner} defaultValue={owner} required maxLength={100} autoComplete="off" />
        </Field>
        <Choice label={t("except.until")} value={days} options={DAYS.map((each) => ({ value: String(each), label: t("except.days", { n: each }) }))} onChange={setDays} />
      </div>
    </FormDialog>
  );
}

function Consequence({ seen, problem }: { seen: Schemas["Told"] | undefined; problem: Error | null }) {
  const { t, said } = useWords();
  if (problem) return <Problem error={problem} />;
  return (
    <p role="status" aria-live="polite" className={seen && seen.hidden.length > 0 ? "high" : undefined}>
      {seen ? said(seen.sentence) : <span className="muted">{t("except.counting")}</span>}
    </p>
  );
}
