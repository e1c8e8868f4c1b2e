// Addresses of other screens, made from what is on this one.
import type { Schemas } from "../api/client";
import { literal } from "../lib/query-text";
import { HOUR, MINUTE } from "../lib/time";

export interface HuntRange {
  from?: string;
  to?: string;
}

export function hunt(query: string, range: HuntRange = {}): string {
  const params = new URLSearchParams({ q: query });
  if (range.from) params.set("from", range.from);
  if (range.to) params.set("to", range.to);
  return `/hunt?${params}`;
}

/** A range around two moments, as texts that the API takes. */
export function around(first: string, last: string, margin: number): HuntRange {
  return { from: new Date(Date.parse(first) - margin).toISOString(), to: new Date(Date.parse(last) + margin).toISOString() };
}

function clause(alert: Schemas["AlertSummary"]): string {
  const { group, rules } = alert.summary;
  const marks = alert.kind === "rule" ? [alert.rule_id] : Array.isArray(rules) ? rules.map(String) : [];
  const parts = marks.length > 0 ? [`kydai.rules: ${marks.length > 1 ? `(${marks.map(literal).join(" or ")})` : literal(marks[0])}`] : [];
  if (typeof group === "object" && group) parts.push(...Object.entries(group).map(([field, value]) => `${field}: ${literal(value)}`));
  else if (alert.host) parts.push(`host.name: ${literal(alert.host)}`);
  return parts.join(" and ");
}

/** The events that an alert's rule, or those that its correlation reads, marked. */
export function huntEvents(alert: Schemas["AlertSummary"]): string {
  return hunt(clause(alert), around(alert.first_at, alert.last_at, MINUTE));
}

/** The events that an incident's alerts stand for, if a query of bearable length finds them. */
export function huntIncident(incident: Schemas["IncidentDetail"]): string | null {
  return incident.events_query && hunt(incident.events_query, around(incident.first_at, incident.last_at, MINUTE));
}

/** The events of a row of the queue. */
export function huntGroup(group: Schemas["AlertGroup"]): string {
  const { newest } = group;
  if (group.alerts === 1) return huntEvents(newest);
  const parts = [newest.kind === "rule" && group.rule_id && `kydai.rules: ${literal(group.rule_id)}`, group.host && `host.name: ${literal(group.host)}`];
  return hunt(parts.filter(Boolean).join(" and "), around(group.first_at, group.last_at, MINUTE));
}

/** Everything on the alert's host around it. */
export function huntHost(alert: Schemas["AlertSummary"]): string {
  return hunt(`host.name: ${literal(alert.host)}`, around(alert.first_at, alert.last_at, HOUR / 4));
}

/** The line of an event that tells most; what Windows says of many events alike gets what makes this one. */
export function eventText(event: Record<string, unknown>): string {
  const of = (name: string) => (typeof event[name] === "string" ? event[name] : "");
  const line = of("message") || of("event.original") || of("url.original") || of("event.action");
  const command = of("process.command_line") || of("process.executable");
  if (of("message")) {
    const rest = [command, of("user.name"), of("source.ip")].filter((text) => text && !line.includes(text));
    return [line.split("\n")[0], ...rest].join(" · ");
  }
  if (line || command) return line || command;
  const port = event["destination.port"] === undefined ? "" : `:${String(event["destination.port"])}`;
  const bytes = typeof event["network.bytes"] === "number" ? ` ${event["network.bytes"]} B` : "";
  return of("source.ip") ? `${of("source.ip")} → ${of("destination.ip")}${port}${bytes}` : "";
}

/** The address of a rule's page. */
export const rulePath = (id: string, line?: number | null): string => `/detections/${encodeURIComponent(id)}${line ? `?line=${line}` : ""}`;
