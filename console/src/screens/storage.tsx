// Storage: how much is kept for how long, how long the disk will do, holds, and shortenings that wait.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { api, data, type Schemas } from "../api/client";
import { useKeys } from "../lib/keys";
import { size } from "../lib/size";
import { DAY, day, duration } from "../lib/time";
import { visible } from "../lib/visible";
import { Asking, Failed } from "../parts/answer";
import { FactList } from "../parts/fact-list";
import { useHouse } from "../parts/house";
import { State, type Tone } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import { ShortenDialog } from "./shorten-dialog";
import { Holds } from "./storage-holds";
import { Move } from "./storage-move";
import { Reindex } from "./storage-reindex";
import "../styles/storage.css";

type Store = Schemas["StoreState"];
type Kept = Schemas["KeptClass"];

export default function Storage() {
  const { t } = useWords();
  const queries = useQueryClient();
  const [shortening, setShortening] = useState<Kept | null>(null);
  const asked = useQuery({
    queryKey: ["store"],
    queryFn: () => data(api.GET("/api/v1/store")),
    refetchInterval: (query) => (query.state.data?.asked || query.state.data?.checking || query.state.data?.move || query.state.data?.reindexing ? 3_000 : false),
  });
  useKeys({ r: () => void asked.refetch() });
  const changed = (store: Store) => queries.setQueryData(["store"], store);
  return (
    <div className="page">
      <div className="head">
        <h1>{t("nav.storage")}</h1>
        {asked.data && <Left store={asked.data} />}
        <span className="space" />
        {asked.data && <VerifyNow store={asked.data} onChange={changed} />}
      </div>
      {asked.isError ? (
        <Failed error={asked.error} again={() => void asked.refetch()} />
      ) : asked.isPending ? (
        <Asking />
      ) : (
        <div className="storage" tabIndex={0} role="region" aria-label={t("nav.storage")}>
          <Amounts store={asked.data} />
          {asked.data.closed.length > 0 && <Closed names={asked.data.closed} />}
          {asked.data.move && <Move store={asked.data} />}
          {asked.data.reindexing && <Reindex run={asked.data.reindexing} />}
          <Classes store={asked.data} onChange={changed} onShorten={setShortening} />
          <Holds holds={asked.data.holds} onChange={changed} />
          {!asked.data.move && <Move store={asked.data} />}
        </div>
      )}
      {shortening && <ShortenDialog kept={shortening} onClose={() => setShortening(null)} onDone={changed} />}
    </div>
  );
}

/** Everything is checked by the worker; this asks it to, and shows how far it is. */
function VerifyNow({ store, onChange }: { store: Store; onChange: (store: Store) => void }) {
  const { t, n } = useWords();
  const tell = useToast();
  const verify = useMutation({ mutationFn: () => data(api.POST("/api/v1/store/verify")), onSuccess: onChange, onError: (error) => tell({ error }) });
  if (store.checking) {
    const { by, began, done, total } = store.checking;
    return (
      <span className="storage-check" role="status">
        {total > 0 ? t("storage.checking_events", { percent: Math.min(100, Math.floor((100 * done) / total)), done: n(done), total: n(total) }) : t("storage.checking_files")}
        <progress aria-label={t("storage.verify")} max={total || undefined} value={total > 0 ? Math.min(done, total) : undefined} />
        <span className="muted">
          <Who actor={by} />, <When at={began} />
        </span>
      </span>
    );
  }
  if (store.asked) {
    return (
      <span className="muted" role="status">
        {t("storage.check_asked")} <Who actor={store.asked.by} />, <When at={store.asked.at} />
      </span>
    );
  }
  return (
    <button type="button" className="button" disabled={verify.isPending} onClick={() => verify.mutate()}>
      {t("storage.verify")}
    </button>
  );
}

/** How long the disk will do. */
function Left({ store }: { store: Store }) {
  const { t } = useWords();
  const days = store.days_left;
  if (days === null) {
    return store.bytes_per_day === null ? <State tone="muted" text={t("storage.unmeasured")} /> : <State tone="good" text={t("storage.left_long", { n: store.horizon })} />;
  }
  const tone: Tone = days <= 7 ? "critical" : days <= 14 ? "high" : days <= 30 ? "medium" : "good";
  return <State tone={tone} text={days ? t("storage.left", { n: days }) : t("storage.none_left")} />;
}

function Amounts({ store }: { store: Store }) {
  const { t, n, named, language } = useWords();
  const each = Math.round(store.bytes / Math.max(1, store.events + store.flows));
  const facts: [string, ReactNode][] = [
    [t("storage.engine"), named("storage.engine", store.engine)],
    [t("storage.kept"), t("storage.kept_how", { events: n(store.events), flows: n(store.flows) })],
    [t("storage.size"), t("storage.size_how", { size: size(store.bytes, language), n: store.segments, each: n(each) })],
    [t("storage.disk"), t("storage.disk_how", { free: size(store.free, language), total: size(store.total, language) })],
    [t("storage.reserve"), size(store.reserve, language)],
    [t("storage.growth"), store.bytes_per_day === null ? "–" : t("storage.growth_how", { size: size(store.bytes_per_day, language) })],
    [t("storage.verified"), <Check key="check" check={store.verified} />],
    [t("storage.backup"), <Backup key="backup" backup={store.backup} />],
  ];
  return <FactList facts={facts} />;
}

/** Indices that somebody has closed: what is in them is in no figure and in no answer. */
function Closed({ names }: { names: string[] }) {
  const { t } = useWords();
  return (
    <p className="storage-closed">
      <State tone="high" text={t("storage.closed")} /> <span className="mono">{names.map(visible).join(", ")}</span>
      <br />
      <span className="muted">{t("storage.closed_how")}</span>
    </p>
  );
}

/** What the last check found: whole only if everything was compared and could be read. */
function Check({ check }: { check: Store["verified"] }) {
  const { t } = useWords();
  if (!check) return <span className="muted">{t("storage.never_verified")}</span>;
  const isPartial = Boolean(check.start ?? check.end);
  return (
    <>
      {check.open > 0 && <State tone="critical" text={t("storage.faults", { n: check.open })} />}{" "}
      {check.unread > 0 && <State tone="high" text={t("storage.unread", { n: check.unread })} />}
      {!check.open && !check.unread && (isPartial ? <State tone="informational" text={t("storage.nothing_found")} /> : <State tone="good" text={t("storage.whole", { n: check.parts })} />)}{" "}
      <span className="muted">
        <When at={check.at} />
        {check.by && (
          <>
            , <Who actor={check.by} />
          </>
        )}
      </span>
      {isPartial && <Compared start={check.start} end={check.end} />}
    </>
  );
}

/** The backup of the control data that is taken each day: red when the last failed or is two days old. */
function Backup({ backup }: { backup: Store["backup"] }) {
  const { t, language } = useWords();
  if (!backup) return <span className="muted">{t("storage.backup_none")}</span>;
  return (
    <>
      {backup.trouble ? <State tone="critical" text={t("storage.backup_trouble")} /> : backup.at && <State tone="good" text={t("storage.backup_age", { age: duration(Date.now() - Date.parse(backup.at), language) })} />}
      {backup.trouble && <div>{backup.trouble[language]}</div>}
      {backup.at ? (
        <div className="muted">
          <When at={backup.at} />, {size(backup.bytes, language)}, <span className="mono">{visible(backup.file)}</span>
        </div>
      ) : (
        !backup.trouble && <span className="muted">{t("storage.backup_none")}</span>
      )}
    </>
  );
}

/** Of which hours a check that was limited to a span compared what was sealed. */
function Compared({ start, end }: { start: string | null; end: string | null }) {
  const { t } = useWords();
  return (
    <div className="medium">
      {start ? t("storage.span_from") : t("storage.span_to")} {start && <When at={start} form="full" />}
      {start && end && ` ${t("storage.span_and")} `}
      {end && <When at={end} form="full" />}
    </div>
  );
}

function Classes({ store, onChange, onShorten }: { store: Store; onChange: (store: Store) => void; onShorten: (kept: Kept) => void }) {
  const { t, n, named, language } = useWords();
  const months = (count: number) => t("storage.months", { n: count });
  return (
    <section aria-labelledby="storage-classes">
      <h2 id="storage-classes">{t("storage.retention")}</h2>
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">{t("storage.class")}</th>
            <th scope="col">{t("storage.wished")}</th>
            <th scope="col">{t("storage.in_force")}</th>
            <th scope="col">{t("storage.achieved")}</th>
            <th scope="col" className="right">{t("storage.events")}</th>
            <th scope="col" className="right">{t("storage.size")}</th>
            <th scope="col">
              <span className="visually-hidden">{t("storage.shorten")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {store.classes.map((kept) => (
            <tr key={kept.name}>
              <td>
                {named("storage.class", kept.name)} <span className="mono muted">{visible(kept.name)}</span>
              </td>
              <td className={kept.may_shorten ? "medium" : undefined}>{months(kept.wished)}</td>
              <td>
                {months(kept.months)}
                {kept.waiting && <Waiting kept={kept} waiting={kept.waiting} onChange={onChange} />}
              </td>
              <td>
                <Achieved kept={kept} />
              </td>
              <td className="right">{n(kept.amount.events)}</td>
              <td className="right">{size(kept.amount.bytes, language)}</td>
              <td>
                {kept.may_shorten && (
                  <button type="button" className="button small" onClick={() => onShorten(kept)}>
                    {t("storage.shorten")}
                    <span className="visually-hidden"> {kept.name}</span>
                  </button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {store.mixed.parts > 0 && <p className="muted">{t("storage.mixed", { n: store.mixed.events, parts: store.mixed.parts })}</p>}
      <p className="muted">{t("storage.how_to_shorten")}</p>
    </section>
  );
}

/** How far back the events of a class reach, against what its policy asks. */
function Achieved({ kept }: { kept: Kept }) {
  const { t, language } = useWords();
  const { zone } = useHouse().me;
  if (!kept.oldest) return <span className="muted">{t("storage.nothing")}</span>;
  const oldest = Date.parse(kept.oldest);
  const since = new Date();
  since.setMonth(since.getMonth() - kept.months);
  const days = Math.floor((Date.now() - oldest) / DAY);
  const isWhole = oldest <= since.getTime();
  return (
    <span title={isWhole ? undefined : t("storage.young")}>
      <State tone={isWhole ? "good" : "informational"} text={isWhole ? t("storage.achieved_whole", { n: kept.months }) : t("storage.achieved_days", { n: days })} />{" "}
      <span className="muted">{t("storage.since", { day: day(oldest, language, zone) })}</span>
    </span>
  );
}

/** A shortening that is not in force yet. */
function Waiting({ kept, waiting, onChange }: { kept: Kept; waiting: NonNullable<Kept["waiting"]>; onChange: (store: Store) => void }) {
  const { t } = useWords();
  const tell = useToast();
  const cancel = useMutation({
    mutationFn: () => data(api.POST("/api/v1/store/shortenings/cancel", { body: { name: kept.name, reason: "" } })),
    onSuccess: (store) => {
      onChange(store);
      tell({ text: t("storage.cancelled", { name: kept.name }) });
    },
    onError: (error) => tell({ error }),
  });
  return (
    <div>
      <State tone="medium" text={t("storage.waits", { n: waiting.months })} /> <When at={waiting.at} form="full" />
      <div className="muted">
        <Who actor={waiting.asked_by} />: {visible(waiting.reason)}
      </div>
      <button type="button" className="button small" disabled={cancel.isPending} onClick={() => cancel.mutate()}>
        {t("storage.cancel")}
        <span className="visually-hidden"> {kept.name}</span>
      </button>
    </div>
  );
}
