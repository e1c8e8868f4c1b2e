// What a rule can do and what it does: its coverage with what to switch on, and a person's choice of mode.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { useHouse } from "../parts/house";
import { State, type Tone } from "../parts/severity";
import { useToast } from "../parts/toast";
import { usePeople } from "../parts/who";
import { useWords } from "../words";

type Mode = Schemas["Mode"];
type Detail = Schemas["RuleDetail"];
const MODES: readonly Mode[] = ["alert", "record", "disabled"];
const TONES: Record<string, Tone> = { live: "good", partly_blind: "medium", blind: "high", unproven: "low", not_here: "muted", disabled: "muted" };
/** Hosts that are named of one rule, the first of them in the reason; the others are counted. */
const HOSTS = 40;
const SAID = 8;

/** The state; on how many of its hosts the rule cannot fire, or how many sent what it needs while the others were quiet. */
export function Covered({ rule }: { rule: Schemas["RuleRow"] }) {
  const { t, n, named } = useWords();
  if (!rule.coverage) return <span className="muted">{t("rules.coverage_soon")}</span>;
  const shown = rule.coverage === "disabled" ? named("common.mode", "disabled") : named("common.coverage", rule.coverage);
  const isQuiet = rule.coverage === "live" && rule.seeing_hosts < rule.hosts;
  const count = rule.coverage === "partly_blind" ? rule.blind_hosts : isQuiet ? rule.seeing_hosts : null;
  return <State tone={TONES[rule.coverage] ?? "muted"} text={count === null ? shown : `${shown} ${n(count)}/${n(rule.hosts)}`} />;
}

export function CoverageSections({ rule }: { rule: Detail }) {
  const { t, said, n } = useWords();
  return (
    <>
      <section>
        <h3>{t("rules.coverage")}</h3>
        {rule.why && said(rule.why) ? <p className={rule.coverage === "blind" ? "high" : rule.coverage === "partly_blind" ? "medium" : "muted"}>{said(rule.why)}</p> : <Covered rule={rule} />}
        {rule.blind_on.length > SAID && <p className="mono muted">{rule.blind_on.slice(SAID, HOSTS).join(", ") + (rule.blind_on.length > HOSTS ? ` (+${n(rule.blind_on.length - HOSTS)})` : "")}</p>}
      </section>
      {rule.remedy && (
        <section>
          <h3>{t("rules.remedy")}</h3>
          {said(rule.remedy)
            .split("\n")
            .map((line) => (
              <p key={line}>{line}</p>
            ))}
        </section>
      )}
    </>
  );
}

/** Why it matters, when it is harmless, what to do, in its author's words. */
export function RuleWords({ rule }: { rule: Detail }) {
  const { t, said } = useWords();
  const texts = [
    [t("rules.reason"), said(rule.reason) || rule.description],
    [t("rules.falsepositives"), said(rule.falsepositives)],
    [t("panel.next"), said(rule.remediation)],
  ] as const;
  return texts.map(([title, text]) =>
    text ? (
      <section key={title}>
        <h3>{title}</h3>
        <p>{text}</p>
      </section>
    ) : null,
  );
}

export function ModeChoice({ rule }: { rule: Detail }) {
  const { t, named } = useWords();
  const { may } = useHouse();
  const tell = useToast();
  const queries = useQueryClient();
  const { nameOf } = usePeople();
  const [reason, setReason] = useState("");
  const show = (found: Detail) => {
    queries.setQueryData(["rule", rule.id], found);
    void queries.invalidateQueries({ queryKey: ["rules"] });
    void queries.invalidateQueries({ queryKey: ["rule", rule.id, "history"] });
  };
  const choose = useMutation({
    mutationFn: (mode: Mode) => data(api.PUT("/api/v1/rules/{rule_id}/mode", { params: { path: { rule_id: rule.id } }, body: { mode, reason: reason.trim() } })),
    onSuccess: (found) => {
      show(found);
      setReason("");
      const { entry } = found;
      const undo = typeof entry === "number" ? async () => show(await data(api.POST("/api/v1/rules/undo", { body: { entry } }))) : undefined;
      tell({ text: t("rules.chosen", { mode: named("common.mode", found.effect) }), undo });
    },
    onError: (error) => tell({ error }),
  });
  const choices = MODES.map((mode) => ({ mode, effect: mode === "alert" ? rule.alert_effect : mode }));
  // a correlation that others read alerts by itself when a person chooses so, a rule never does
  const isByDefault = rule.effect === "correlation" && rule.alert_effect === "alert";
  return (
    <section>
      <h3>{t("rules.mode")}</h3>
      <div className="row wrap" role="group" aria-label={t("rules.mode")}>
        {isByDefault && (
          <button type="button" className="button small pressed" aria-pressed disabled>
            {named("common.mode", "correlation")} <span className="muted">{t("rules.usual")}</span>
          </button>
        )}
        {choices.map(({ mode, effect }) => (
          <button key={mode} type="button" className={`button small${rule.effect === effect ? " pressed" : ""}`} aria-pressed={rule.effect === effect} disabled={!may("triage") || choose.isPending} onClick={() => rule.effect !== effect && choose.mutate(mode)}>
            {named("common.mode", effect)}
            {rule.default_effect === effect && <span className="muted"> {t("rules.usual")}</span>}
          </button>
        ))}
      </div>
      {rule.effect === "correlation" && (
        <p className="muted" style={{ marginTop: 6 }}>
          {isByDefault ? t("rules.read_by_others") : t("common.only_correlation")}
        </p>
      )}
      {may("triage") && <input className="input" style={{ width: "100%", marginTop: 6 }} placeholder={t("rules.why_change")} aria-label={t("rules.why_change")} maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />}
      {rule.decided_by && (
        <p className="muted">
          {t("rules.decided", { name: nameOf(rule.decided_by) })} {rule.decided_reason && `“${rule.decided_reason}”`}
        </p>
      )}
    </section>
  );
}
