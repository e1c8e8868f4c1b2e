// The hand-over of a shift: what changed since one was here before, what waits, what one leaves; printed and mailed.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { api, data } from "../api/client";
import { useAddress } from "../lib/address";
import { resolve } from "../lib/range";
import { Asking, Failed } from "../parts/answer";
import { ExportMenu, REPORT_FORMS, searchOf } from "../parts/export-menu";
import { FormDialog } from "../parts/form-dialog";
import { useHouse } from "../parts/house";
import { RangeChoice } from "../parts/range-choice";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { ReportPaper } from "./report-paper";
import "../styles/shift.css";

export default function Shift() {
  const { t, language } = useWords();
  const [get, set] = useAddress();
  const { may } = useHouse();
  const isOnShift = may("triage") || may("house");
  const [isMailing, setMailing] = useState(false);
  const began = useQuery({ queryKey: ["shift-began"], queryFn: () => data(api.GET("/api/v1/shift/began")) });
  if (began.isPending) return <Asking />;
  if (began.isError) return <Failed error={began.error} again={() => void began.refetch()} />;
  const range = { from: get("from") || began.data.since, to: get("to") || "now" };
  // without an end the server takes the moment itself, so that a note just left is in it
  const ends = { from: resolve(range.from, Date.now()), to: range.to === "now" ? undefined : resolve(range.to, Date.now()) };
  const url = (format: string) => `/api/v1/shift?${searchOf({ ...ends, format, language })}`;
  const paper = `/api/v1/shift?${searchOf({ from: range.from, to: range.to === "now" ? undefined : range.to, format: "json" })}`;
  return (
    <div className="page shift">
      <div className="head">
        <h1>{t("nav.shift")}</h1>
        <RangeChoice from={range.from} to={range.to} onChange={(found) => set({ from: found.from, to: found.to === "now" ? null : found.to })} />
        {range.from !== began.data.since && (
          <button type="button" className="link" onClick={() => set({ from: null, to: null })}>
            {t("shift.since_before")}
          </button>
        )}
        <span className="space" />
        <button type="button" className="button" onClick={() => window.print()}>
          {t("shift.print")}
        </button>
        {isOnShift && <button type="button" className="button" disabled={began.data.addresses.length === 0} title={began.data.addresses.length === 0 ? t("shift.no_mail") : undefined} onClick={() => setMailing(true)}>
          {t("shift.mail")}
        </button>}
        <ExportMenu url={url} formats={REPORT_FORMS} part={t("export.lacking")} />
      </div>
      {isOnShift && <Note />}
      <ReportPaper url={paper} />
      {isMailing && <Mail ends={ends} onDuty={began.data.on_duty} addresses={began.data.addresses} onClose={() => setMailing(false)} />}
    </div>
  );
}

function Note() {
  const { t } = useWords();
  const tell = useToast();
  const queries = useQueryClient();
  const [text, setText] = useState("");
  const show = () => queries.invalidateQueries({ queryKey: ["report"] });
  const leave = useMutation({
    mutationFn: () => data(api.POST("/api/v1/shift/note", { body: { text } })),
    onSuccess: ({ entry }) => {
      setText("");
      void show();
      tell({
        text: t("shift.left"),
        undo: async () => {
          await data(api.POST("/api/v1/shift/note/undo", { body: { entry } }));
          await show();
        },
      });
    },
    onError: (error) => tell({ error }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (text.trim()) leave.mutate();
  };
  return (
    <form className="shift-note" onSubmit={submit}>
      <textarea className="input" aria-label={t("shift.note")} placeholder={t("shift.note_hint")} rows={2} maxLength={4000} value={text} onChange={(event) => setText(event.target.value)} />
      <button type="submit" className="button main" disabled={!text.trim() || leave.isPending}>
        {t("shift.leave")}
      </button>
    </form>
  );
}

interface MailProps {
  ends: { from: string; to: string | undefined };
  onDuty: string[];
  addresses: string[];
  onClose: () => void;
}

function Mail({ ends, onDuty, addresses, onClose }: MailProps) {
  const { t, language } = useWords();
  const tell = useToast();
  const [to, setTo] = useState("");
  const send = async () => {
    const found = await data(api.POST("/api/v1/shift/mail", { body: { to, start: ends.from, end: ends.to ?? "", language } }));
    tell({ text: t("shift.mailed", { to: found.to.join(", ") }) });
    onClose();
  };
  return (
    <FormDialog title={t("shift.mail")} send={t("shift.send")} onSend={send} onClose={onClose}>
      <label className="field">
        <span>{t("shift.to")}</span>
        <select value={to} onChange={(event) => setTo(event.target.value)}>
          <option value="">{t("shift.on_duty", { names: onDuty.join(", ") || t("shift.nobody") })}</option>
          {addresses.map((address) => (
            <option key={address} value={address}>
              {address}
            </option>
          ))}
        </select>
      </label>
      <p className="muted">{t("shift.mail_help")}</p>
    </FormDialog>
  );
}
