// A new rule: begun from a template of its log source.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useNavigate } from "react-router";
import { api, data } from "../api/client";
import { useAddress } from "../lib/address";
import { Asking, Failed } from "../parts/answer";
import { Choice } from "../parts/choice";
import { useWords } from "../words";
import { RuleEditor } from "./rule-editor";
import "../styles/rules.css";

export default function RuleNew() {
  const { t, language } = useWords();
  const go = useNavigate();
  const [get, set] = useAddress();
  const [isTouched, setTouched] = useState(false);
  const logsource = get("logsource") || undefined;
  const asked = useQuery({
    queryKey: ["template", logsource, language],
    // each has an id of its own
    staleTime: 0,
    gcTime: 0,
    refetchOnMount: false,
    refetchOnReconnect: false,
    queryFn: () => data(api.GET("/api/v1/rules/template", { params: { query: { logsource } } })),
  });
  return (
    <div className="page">
      <div className="head">
        <Link to="/detections">{t("rules.title")}</Link>
        <span className="muted">/</span>
        <h1>{t("draft.new")}</h1>
        <span className="space" />
        {asked.data && (
          <Choice
            label={t("rules.logsource")}
            value={asked.data.logsource}
            isDisabled={isTouched}
            options={asked.data.logsources.map((value) => ({ value, label: value }))}
            onChange={(value) => set({ logsource: value })}
          />
        )}
      </div>
      <div className="rule-main">
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <RuleEditor key={asked.data.text} id={null} source={{ text: asked.data.text, samples: asked.data.samples, version: null }} note={t("draft.new_note")} onLeave={() => void go("/detections")} onTouched={setTouched} />
        )}
      </div>
    </div>
  );
}
