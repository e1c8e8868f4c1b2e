// A short list of names with what stands for each.
import type { ReactNode } from "react";

export function FactList({ facts }: { facts: [string, ReactNode][] }) {
  return (
    <dl className="storage-facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
