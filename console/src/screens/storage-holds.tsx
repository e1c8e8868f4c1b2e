// Legal holds: what each keeps, placing one, lifting one by a reason, its name typed and a day.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { size } from "../lib/size";
import { typed as momentOf } from "../lib/time";
import { visible } from "../lib/visible";
import { Field, ReasonField, textOf } from "../parts/field";
import { FormDialog } from "../parts/form-dialog";
import { useHouse } from "../parts/house";
import { MomentField } from "../parts/moment-field";
import { State } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import { Going } from "./going";

type Store = Schemas["StoreState"];
type Hold = Store["holds"][number];

export function Holds({ holds, onChange }: { holds: Hold[]; onChange: (store: Store) => void }) {
  const { t, n, language } = useWords();
  const [isPlacing, setPlacing] = useState(false);
  const [lifting, setLifting] = useState<Hold | null>(null);
  return (
    <section aria-labelledby="storage-holds">
      <div className="storage-head">
        <h2 id="storage-holds">{t("storage.holds")}</h2>
        <button type="button" className="button small" onClick={() => setPlacing(true)}>
          {t("storage.hold_place")}
        </button>
      </div>
      {holds.length === 0 ? (
        <p className="muted">{t("storage.no_holds")}</p>
      ) : (
        <table className="plain-table">
          <thead>
            <tr>
              <th scope="col">{t("storage.hold_name")}</th>
              <th scope="col">{t("storage.hold_span")}</th>
              <th scope="col">{t("journal.reason")}</th>
              <th scope="col">{t("storage.hold_keeps")}</th>
              <th scope="col">{t("storage.hold_placed")}</th>
              <th scope="col">
                <span className="visually-hidden">{t("storage.hold_lift")}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {holds.map((hold) => (
              <tr key={hold.name}>
                <td className="storage-text">{visible(hold.name)}</td>
                <td>
                  <Within hold={hold} />
                </td>
                <td className="storage-text">{visible(hold.reason) || "–"}</td>
                <td>{t("storage.hold_amount", { n: hold.keeps.parts, events: n(hold.keeps.events), size: size(hold.keeps.bytes, language) })}</td>
                <td>
                  {hold.placed_by ? <Who actor={hold.placed_by} /> : <span className="muted">{t("storage.hold_found")}</span>}
                  <div className="muted">
                    <When at={hold.placed_at} />
                  </div>
                </td>
                <td>
                  {hold.lifting ? (
                    <Lifting hold={hold} lifting={hold.lifting} onChange={onChange} />
                  ) : (
                    <button type="button" className="button small" onClick={() => setLifting(hold)}>
                      {t("storage.hold_lift")}
                      <span className="visually-hidden"> {hold.name}</span>
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <p className="muted">{t("storage.hold_how")}</p>
      {isPlacing && <PlaceDialog onClose={() => setPlacing(false)} onDone={onChange} />}
      {lifting && <LiftDialog hold={lifting} onClose={() => setLifting(null)} onDone={onChange} />}
    </section>
  );
}

function Within({ hold }: { hold: Hold }) {
  const { t } = useWords();
  if (!hold.start && !hold.end) return <>{t("storage.hold_all")}</>;
  return (
    <>
      {hold.start ? <When at={hold.start} form="full" /> : "…"} → {hold.end ? <When at={hold.end} form="full" /> : "…"}
    </>
  );
}

/** A lifting that has not happened yet. */
function Lifting({ hold, lifting, onChange }: { hold: Hold; lifting: NonNullable<Hold["lifting"]>; onChange: (store: Store) => void }) {
  const { t } = useWords();
  const tell = useToast();
  const keep = useMutation({
    mutationFn: () => data(api.POST("/api/v1/store/holds/keep", { body: { name: hold.name, reason: "" } })),
    onSuccess: (store) => {
      onChange(store);
      tell({ text: t("storage.hold_kept", { name: hold.name }) });
    },
    onError: (error) => tell({ error }),
  });
  return (
    <div>
      <State tone="medium" text={t("storage.hold_lifting")} /> <When at={lifting.at} form="full" />
      <div className="muted storage-text">
        <Who actor={lifting.asked_by} />: {visible(lifting.reason)}
      </div>
      <button type="button" className="button small" disabled={keep.isPending} onClick={() => keep.mutate()}>
        {t("storage.hold_keep")}
        <span className="visually-hidden"> {hold.name}</span>
      </button>
    </div>
  );
}

interface Dialog {
  onClose: () => void;
  onDone: (store: Store) => void;
}

function PlaceDialog({ onClose, onDone }: Dialog) {
  const { t } = useWords();
  const tell = useToast();
  const { zone } = useHouse().me;
  const [wrong, setWrong] = useState<string | null>(null);
  const send = async (form: FormData) => {
    const ends: Record<string, string | null> = {};
    for (const name of ["start", "end"]) {
      const text = textOf(form, name);
      const at = momentOf(text, zone);
      if (text && Number.isNaN(at)) {
        setWrong(name);
        return;
      }
      ends[name] = text ? new Date(at).toISOString() : null;
    }
    setWrong(null);
    const name = textOf(form, "name");
    onDone(await data(api.POST("/api/v1/store/holds", { body: { name, reason: textOf(form, "reason"), ...ends } })));
    tell({ text: t("storage.hold_done", { name }) });
    onClose();
  };
  return (
    <FormDialog title={t("storage.hold_title")} onClose={onClose} wide send={t("storage.hold_do")} onSend={send}>
      <Field label={t("storage.hold_name_how")}>
        <input className="input" name="name" required maxLength={100} autoComplete="off" />
      </Field>
      <MomentField label={t("storage.hold_from")} name="start" initial="" isOptional problem={wrong === "start" ? t("moment.wrong") : undefined} />
      <MomentField label={t("storage.hold_to")} name="end" initial="" isOptional problem={wrong === "end" ? t("moment.wrong") : undefined} />
      <p className="muted">{t("storage.hold_open", { zone })}</p>
      <ReasonField label={t("storage.hold_reason")} isNeeded rows={2} limit={500} />
    </FormDialog>
  );
}

function LiftDialog({ hold, onClose, onDone }: Dialog & { hold: Hold }) {
  const { t } = useWords();
  const tell = useToast();
  const [name, setName] = useState("");
  const send = async (form: FormData) => {
    const body = { name: hold.name, reason: textOf(form, "reason"), confirm: name.trim() };
    onDone(await data(api.POST("/api/v1/store/holds/lift", { body })));
    tell({ text: t("storage.hold_will_lift", { name: hold.name }) });
    onClose();
  };
  return (
    <FormDialog title={t("storage.hold_lift_title", { name: hold.name })} onClose={onClose} wide send={t("storage.hold_lift_do")} isBlocked={name.trim() !== hold.name} onSend={send}>
      <Going queryKey={["store", "lift", hold.name]} ask={() => data(api.GET("/api/v1/store/holds/lift", { params: { query: { name: hold.name } } }))} />
      <ReasonField label={t("storage.hold_lift_reason")} isNeeded rows={2} limit={500} />
      <Field label={t("storage.shorten_type", { name: hold.name })}>
        <input className="input mono" name="confirm" value={name} autoComplete="off" onChange={(event) => setName(event.target.value)} />
      </Field>
    </FormDialog>
  );
}
