// Entities: which fields hold one, and where one is shown and hunted for.
import { literal } from "./query-text";

export const KINDS = ["host", "user", "ip", "domain", "hash", "process", "file", "url", "observer"] as const;
export type EntityKind = (typeof KINDS)[number];

/** Where an entity of a kind is looked for; a text for all of them. */
const FIELDS: Partial<Record<EntityKind, readonly string[]>> = {
  host: ["host.name"],
  user: ["user.name"],
  ip: ["source.ip", "destination.ip", "url.domain"],
  domain: ["dns.question.name", "url.domain"],
  hash: ["file.hash.sha256", "process.hash.sha256"],
  file: ["file.path"],
  url: ["url.original"],
  observer: ["observer.name", "host.name"],
};
const KIND_OF: Record<string, EntityKind> = { "user.target.name": "user", "user.effective.name": "user", "host.ip": "ip", "client.ip": "ip", "server.ip": "ip" };
for (const kind of KINDS) if (kind !== "observer") for (const field of FIELDS[kind] ?? []) KIND_OF[field] = kind;

export function isKind(text: string): text is EntityKind {
  return (KINDS as readonly string[]).includes(text);
}

const ADDRESS = /^(\d{1,3}(\.\d{1,3}){3}|\[?[0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*\]?)$/i;

/** The kind of entity that a value of a field is, if it is one; an address may stand where a domain does. */
export function kindOf(field: string, value: string): EntityKind | undefined {
  const kind = KIND_OF[field];
  return kind === "domain" && ADDRESS.test(value) ? "ip" : kind;
}

export function entityQuery(kind: string, value: string): string {
  const fields = isKind(kind) ? FIELDS[kind] : undefined;
  return fields ? fields.map((field) => `${field}: ${literal(value)}`).join(" or ") : literal(value);
}

/** The address of an entity's screen. */
export function entityPath(kind: string, value: string): string {
  return `/entity?${new URLSearchParams({ kind, value })}`;
}
