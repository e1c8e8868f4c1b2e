// The left column: state, priority with its sum, entities, similar incidents.
import { Link } from "react-router";
import type { Schemas } from "../api/client";
import { entityPath, entityQuery, isKind } from "../lib/entity";
import { MINUTE } from "../lib/time";
import { visible } from "../lib/visible";
import { Glass } from "../parts/glass";
import { Severity } from "../parts/severity";
import { When } from "../parts/when";
import { usePeople, Who } from "../parts/who";
import { useWords } from "../words";
import type { Detail } from "./incident";
import { around, hunt } from "./links";

const SHOWN = 8;
interface Props {
  incident: Detail;
  onAssign: ((name: string | null) => void) | null;
  onMerge: (() => void) | null;
  onSplit: (() => void) | null;
  onTag: (() => void) | null;
  onUntag: ((tag: string) => void) | null;
}

export function IncidentFacts({ incident, onAssign, onMerge, onSplit, onTag, onUntag }: Props) {
  const { t, said, n, named } = useWords();
  const { assignable } = usePeople();
  // those of rules have a dot; they are the rules' to change
  const tags = incident.tags.filter((tag) => !tag.includes("."));
  return (
    <>
      <dl className="pairs facts">
        <dt>{t("column.status")}</dt>
        <dd>{named("common.incident_status", incident.status)}</dd>
        <dt>{t("column.assignee")}</dt>
        <dd>
          {onAssign && assignable.length > 0 ? (
            <span className="pick">
              <select aria-label={t("column.assignee")} value={incident.assignee ?? ""} onChange={(event) => onAssign(event.target.value || null)}>
                <option value="">{t("incident.nobody")}</option>
                {assignable.map((person) => (
                  <option key={person.name} value={person.name}>
                    {person.full_name || person.name}
                  </option>
                ))}
              </select>
            </span>
          ) : incident.assignee ? (
            <Who actor={incident.assignee} />
          ) : (
            t("incident.nobody")
          )}
        </dd>
        <dt>{t("column.level")}</dt>
        <dd>
          <Severity level={incident.level} />
        </dd>
        <dt>{t("incident.began")}</dt>
        <dd>
          <When at={incident.first_at} form="full" />
        </dd>
        <dt>{t("incident.latest")}</dt>
        <dd>
          <When at={incident.last_at} form="full" />
        </dd>
        {incident.system && (
          <>
            <dt>{t("incident.system")}</dt>
            <dd>{incident.system}</dd>
          </>
        )}
        {incident.system_level !== null && (
          <>
            <dt>{t("incident.system_level")}</dt>
            <dd>{incident.system_level}</dd>
          </>
        )}
        {(tags.length > 0 || onTag) && (
          <>
            <dt>{t("incident.tags")}</dt>
            <dd>
              {tags.map((tag) => (
                <span key={tag} className="tag own">
                  {visible(tag)}
                  {onUntag && (
                    <button type="button" aria-label={t("tag.remove", { tag })} title={t("tag.remove", { tag })} onClick={() => onUntag(tag)}>
                      ×
                    </button>
                  )}
                </span>
              ))}
              {onTag && (
                <button type="button" className="link" onClick={onTag}>
                  {t("tag.open")}
                </button>
              )}
            </dd>
          </>
        )}
      </dl>
      {incident.declaration && <DeclarationFacts declaration={incident.declaration} />}
      {incident.priority !== null && incident.priority_sum.length > 0 && (
        <section>
          <h3>
            {t("incident.priority")} <b className="ink">{n(incident.priority)}</b>
          </h3>
          <dl className="sum">
            {incident.priority_sum.filter((part) => part.points !== 0).map((part) => (
              <div key={part.key} title={part.detail}>
                <dt>{said(part.text)}</dt>
                <dd>
                  {part.points < 0 ? "−" : "+"}
                  {n(Math.abs(part.points))}
                </dd>
              </div>
            ))}
          </dl>
        </section>
      )}
      <section>
        <h3>{t("incident.entities")}</h3>
        <Entities incident={incident} />
      </section>
      {incident.similar.length > 0 && (
        <section>
          <h3>{t("incident.similar")}</h3>
          <ul className="similar">
            {incident.similar.map((other) => (
              <li key={other.id}>
                <Link to={`/incidents/${other.number}`} title={said(other.title)}>
                  {other.number}
                </Link>{" "}
                <span className="muted">
                  {[other.same_hosts && t("incident.same_hosts"), other.same_rules && t("incident.same_rules"), other.verdict ? named("common.verdict", other.verdict) : named("common.incident_status", other.status)]
                    .filter(Boolean)
                    .join(", ")}
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {(onMerge || onSplit) && (
        <p className="row wrap" style={{ marginTop: 14 }}>
          {onMerge && (
            <button type="button" className="button" onClick={onMerge}>
              {t("merge.open")}
            </button>
          )}
          {onSplit && (
            <button type="button" className="button" onClick={onSplit}>
              {t("split.open")}
            </button>
          )}
        </p>
      )}
      {incident.merged_from.length > 0 && (
        <p className="muted" style={{ marginTop: 14 }}>
          {t("incident.merged_from", { numbers: incident.merged_from.join(", ") })}
        </p>
      )}
    </>
  );
}

function Entities({ incident }: { incident: Detail }) {
  const { t, n } = useWords();
  const range = around(incident.first_at, incident.last_at, 30 * MINUTE);
  const kinds = [...new Set(incident.entities.map((entity) => entity.kind))];
  return (
    <ul className="entities">
      {kinds.map((kind) => {
        const all = incident.entities.filter((entity) => entity.kind === kind);
        return (
          <li key={kind}>
            {all.slice(0, kind === "ip" ? 3 : SHOWN).map((entity) => (
              <div key={entity.value}>
                <Entity entity={entity} range={range} />
              </div>
            ))}
            {kind === "ip" && all.length > 3 && (
              <details>
                <summary className="tag">+{n(all.length - 3)}</summary>
                {all.slice(3).map((entity) => (
                  <div key={entity.value}>
                    <Entity entity={entity} range={range} />
                  </div>
                ))}
              </details>
            )}
            {kind !== "ip" && all.length > SHOWN && <span className="muted">{t("fact.more", { n: all.length - SHOWN })}</span>}
          </li>
        );
      })}
    </ul>
  );
}

/** Its alerts and incidents by its name, the events around this incident by the glass beside it. */
function Entity({ entity, range }: { entity: Schemas["IncidentEntity"]; range: { from?: string; to?: string } }) {
  const { t } = useWords();
  const shown = visible(entity.value);
  return (
    <>
      <Link className="mono plain-link" to={entityPath(entity.kind, entity.value)} title={isKind(entity.kind) ? t(`entity.kind.${entity.kind}`) : entity.kind}>
        {shown}
      </Link>
      {"\u00a0"}
      <Link className="icon-button hunt-it" to={hunt(entityQuery(entity.kind, entity.value), range)} title={t("entity.hunt_around")} aria-label={`${t("entity.hunt_around")}: ${shown}`}>
        <Glass />
      </Link>
    </>
  );
}

function DeclarationFacts({ declaration }: { declaration: Schemas["Declaration"] }) {
  const { t, named } = useWords();
  return (
    <section>
      <h3>{t("incident.declaration")}</h3>
      <dl className="pairs facts">
        <dt>{t("incident.detected")}</dt>
        <dd>
          <When at={declaration.detected_at} form="full" />
        </dd>
        <dt>{t("incident.declared_by")}</dt>
        <dd>
          <Who actor={declaration.declared_by} />
        </dd>
        <dt>{t("incident.category")}</dt>
        <dd>{named("common.category", declaration.category)}</dd>
        {declaration.withdrawn_at && (
          <>
            <dt>{t("incident.withdrawn")}</dt>
            <dd>
              <When at={declaration.withdrawn_at} form="full" /> · <Who actor={declaration.withdrawn_by ?? ""} />
            </dd>
          </>
        )}
      </dl>
    </section>
  );
}
