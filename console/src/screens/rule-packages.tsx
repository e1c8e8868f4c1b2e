// Packages of rules: where each came from, what a change would do before it is done, and local copies that stand in their rules' place.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "react-router";
import { api, data, type Schemas } from "../api/client";
import { visible } from "../lib/visible";
import { Asking, Empty, Failed } from "../parts/answer";
import { Copy } from "../parts/copy";
import { Diff } from "../parts/diff";
import { Problem } from "../parts/problem";
import { State } from "../parts/severity";
import { useToast } from "../parts/toast";
import { When } from "../parts/when";
import { Who } from "../parts/who";
import { useWords } from "../words";
import { rulePath } from "./links";
import { PackageChange, PackageFile } from "./rule-package-preview";
import { useMayRule } from "./rule-rights";
import { RuleTabs } from "./rule-tabs";
import "../styles/rules.css";

type Package = Schemas["PackageRow"];
/** What is looked at before it is done. */
export type Wish = { what: "install"; name: string } | { what: "rollback" | "remove"; name: string };

export default function RulePackages() {
  const { t } = useWords();
  const isAllowed = useMayRule();
  const [wish, setWish] = useState<Wish | null>(null);
  const asked = useQuery({ queryKey: ["rules", "packages"], queryFn: () => data(api.GET("/api/v1/rules/packages")) });
  return (
    <div className="page">
      <div className="head">
        <RuleTabs title={t("packs.title")} />
        <span className="space" />
        {isAllowed && (
          <button type="button" className="button" onClick={() => setWish({ what: "install", name: "" })}>
            {t("packs.install")}
          </button>
        )}
      </div>
      <div className="rule-main">
        {wish?.what === "install" && <PackageFile key={wish.name} name={wish.name} onLeave={() => setWish(null)} />}
        {wish && wish.what !== "install" && <PackageChange key={`${wish.what} ${wish.name}`} what={wish.what} name={wish.name} onLeave={() => setWish(null)} />}
        {asked.isError ? (
          <Failed error={asked.error} again={() => void asked.refetch()} />
        ) : asked.isPending ? (
          <Asking />
        ) : (
          <Listed found={asked.data} onWish={isAllowed ? setWish : null} />
        )}
      </div>
    </div>
  );
}

function Listed({ found, onWish }: { found: Schemas["PackageList"]; onWish: ((wish: Wish) => void) | null }) {
  const { t, said } = useWords();
  return (
    <>
      {found.problems.map((each) => (
        <p key={each.en} className="critical" role="alert">
          {said(each)}
        </p>
      ))}
      {found.packages.length === 0 && <Empty title={t(found.removed.length ? "packs.none_now" : "packs.none")} text={t("packs.none_help")} />}
      {found.packages.map((each) => (
        <Installed key={each.name} pack={each} onWish={onWish} />
      ))}
      {found.removed.map((name) => (
        <p key={name} className="row wrap rule-bar">
          {t("packs.was_removed", { name })}
          {onWish && (
            <button type="button" className="button small" onClick={() => onWish({ what: "rollback", name })}>
              {t("packs.bring_back")}
            </button>
          )}
        </p>
      ))}
      <h3 className="draft-head">{t("packs.copies")}</h3>
      {found.copies.length === 0 ? (
        <p className="muted">{t("packs.no_copies")}</p>
      ) : (
        <table className="plain-table">
          <thead>
            <tr>
              <th>{t("column.rule")}</th>
              <th>{t("rules.package")}</th>
              <th>{t("column.status")}</th>
            </tr>
          </thead>
          <tbody>
            {found.copies.map((each) => (
              <CopyRow key={each.id} copy={each} isAllowed={onWish !== null} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function Installed({ pack, onWish }: { pack: Package; onWish: ((wish: Wish) => void) | null }) {
  const { t } = useWords();
  return (
    <section className="pack">
      <div className="row wrap">
        <h2>{pack.name}</h2>
        <Link to={`/detections?package=${encodeURIComponent(pack.name)}`}>{t("packs.rules", { n: pack.rules })}</Link>
        {pack.version && <span className="muted">{visible(pack.version)}</span>}
        {pack.error_count > 0 && <State tone="critical" text={t("packs.unusable", { n: pack.error_count })} />}
        <span className="space" />
        {onWish && (
          <>
            <button type="button" className="button" onClick={() => onWish({ what: "install", name: pack.name })}>
              {t("packs.update")}
            </button>
            {pack.can_go_back && (
              <button type="button" className="button" onClick={() => onWish({ what: "rollback", name: pack.name })}>
                {t("packs.rollback")}
              </button>
            )}
            <button type="button" className="button" onClick={() => onWish({ what: "remove", name: pack.name })}>
              {t("packs.remove")}
            </button>
          </>
        )}
      </div>
      <dl className="pairs">
        <dt>{t("packs.origin")}</dt>
        <dd className="mono">{visible(pack.origin)}</dd>
        <dt>{t("packs.at")}</dt>
        <dd>
          {Number.isNaN(Date.parse(pack.installed_at)) ? visible(pack.installed_at) : <When at={pack.installed_at} form="full" />} {pack.by && <Who actor={pack.by} />}
        </dd>
        <dt>{t("packs.sum")}</dt>
        <dd className="row wrap">
          <span className="mono muted">{pack.sha256}</span> <Copy text={pack.sha256} />
        </dd>
      </dl>
      {pack.errors.map((each) => (
        <p key={each} className="mono critical">
          {visible(each)}
        </p>
      ))}
      {pack.error_count > pack.errors.length && <p className="muted">{t("fact.more", { n: pack.error_count - pack.errors.length })}</p>}
    </section>
  );
}

function CopyRow({ copy, isAllowed }: { copy: Schemas["CopyRow"]; isAllowed: boolean }) {
  const { t, said } = useWords();
  const queries = useQueryClient();
  const tell = useToast();
  const params = { path: { rule_id: copy.id } };
  const look = useMutation({ mutationFn: () => data(api.GET("/api/v1/rules/{rule_id}/copy", { params })) });
  const settle = useMutation({
    mutationFn: () => data(api.POST("/api/v1/rules/{rule_id}/copy/merged", { params })),
    onSuccess: ({ entry }) => {
      look.reset();
      const again = () => queries.invalidateQueries({ queryKey: ["rules", "packages"] });
      const undo = async () => {
        await data(api.POST("/api/v1/rules/text/undo", { body: { entry: entry ?? 0 } }));
        await again();
      };
      tell({ text: t("packs.settled"), undo });
      void again();
    },
  });
  const found = look.data;
  return (
    <tr>
      <td>
        <Link to={rulePath(copy.id)}>{said(copy.title)}</Link>
        {found && (
          <>
            {found.upstream && (
              <>
                <p className="muted">{t("packs.upstream", { name: copy.package })}</p>
                <Diff text={found.upstream} />
              </>
            )}
            <p className="muted">{t("packs.own", { name: copy.package })}</p>
            <Diff text={found.own} />
          </>
        )}
        {(look.isError || settle.isError) && <Problem error={look.error ?? settle.error} />}
      </td>
      <td>{copy.package}</td>
      <td>
        <State tone={copy.is_behind ? "medium" : "good"} text={t(copy.is_behind ? "packs.behind" : "packs.level")} />
        <p className="row wrap">
          <button type="button" className="link" aria-expanded={!!found} onClick={() => (found ? look.reset() : look.mutate())}>
            {t(found ? "draft.hide" : "packs.compare")}
          </button>
          {copy.is_behind && found && isAllowed && (
            <button type="button" className="button small" disabled={settle.isPending} onClick={() => settle.mutate()}>
              {t("packs.settle")}
            </button>
          )}
        </p>
      </td>
    </tr>
  );
}
