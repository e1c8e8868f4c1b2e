// The bell in the head of the page: there while sound or notices are wished for, and loud about what the browser holds back.
import { useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { isHeard, maySend, ring, Told, wake, type Wish } from "../lib/alarm";
import { troubleOf } from "../lib/trouble";
import { useWords } from "../words";
import { useHouse, useStream } from "./house";

/** A pipeline that is now and then behind is told of once a minute. */
const QUIET = 60_000;

export function Bell({ wish }: { wish: Wish }) {
  const { t } = useWords();
  const [heard, setHeard] = useState(isHeard());
  useAlarm(wish);
  // the browser lets a page be heard after the first click or key on it
  useEffect(() => {
    if (!wish.sound) return;
    const onAct = () => void wake().then(() => setHeard(isHeard()));
    onAct();
    window.addEventListener("pointerdown", onAct);
    window.addEventListener("keydown", onAct);
    return () => {
      window.removeEventListener("pointerdown", onAct);
      window.removeEventListener("keydown", onAct);
    };
  }, [wish.sound]);
  if (!wish.sound && !wish.notice) return null;
  if (wish.sound && !heard) return <span className="tag bell-held">{t("alarm.silent")}</span>;
  if (wish.notice && !maySend()) return <span className="tag bell-held">{t("alarm.refused")}</span>;
  return (
    <span className="bell" role="img" aria-label={t("alarm.on")} title={t("alarm.on")}>
      <svg width="14" height="14" viewBox="0 0 14 14" fill="none" stroke="currentColor" strokeWidth="1.4" aria-hidden="true">
        <path d="M2 10.5h10L10.6 8.6V5.8a3.6 3.6 0 0 0-7.2 0v2.8zM5.7 12.3h2.6" />
      </svg>
    </span>
  );
}

/** Rings and notifies for new alerts of level high and critical, and when what is on the page may be out of date. */
function useAlarm(wish: Wish): void {
  const { t, said, named } = useWords();
  const { stream } = useHouse();
  const state = useStream();
  const navigate = useNavigate();
  const told = useRef(new Told());
  const toldTrouble = useRef(-QUIET);
  const [since, setSince] = useState(0);
  if (!since && state.tick) setSince(Date.parse(state.tick.health.now));
  const trouble = troubleOf(state);

  const tell = (title: string, body: string, times: number) => {
    if (wish.sound) ring(times);
    if (!wish.notice || !maySend()) return;
    const notice = new Notification(title, { body, tag: `${title} ${body}`, silent: true });
    notice.addEventListener("click", () => {
      window.focus();
      void navigate("/queue");
      notice.close();
    });
  };
  const tellOf = (alerts: readonly Schemas["AlertSummary"][]) => {
    const fresh = since ? told.current.fresh(alerts, since) : [];
    const gravest = fresh.find((alert) => alert.level === "critical") ?? fresh[0];
    if (!gravest) return;
    const more = fresh.length > 1 ? ` · ${t("alarm.more", { n: fresh.length - 1 })}` : "";
    tell(`[${named("common.level", gravest.level)}] ${said(gravest.rule_title)}`, `${gravest.host || "–"}${more}`, gravest.level === "critical" ? 3 : 1);
  };
  const current = useRef({ tell, tellOf });
  useEffect(() => {
    current.current = { tell, tellOf };
  });

  useEffect(
    () =>
      stream.listen((changes) => {
        current.current.tellOf(changes.alerts);
        if (!changes.more) return;
        // after a silence, or when more came than the stream names
        const query = { status: ["new" as const], min_level: "high" as const, limit: 100 };
        void data(api.GET("/api/v1/alerts", { params: { query } })).then(
          (page) => current.current.tellOf(page.items),
          () => undefined, // a server that does not answer is what the band tells
        );
      }),
    [stream],
  );
  useEffect(() => {
    if (!trouble || performance.now() - toldTrouble.current < QUIET) return;
    toldTrouble.current = performance.now();
    current.current.tell(t(`tab.${trouble}`), t("product"), 2);
  }, [trouble, t]);
}
