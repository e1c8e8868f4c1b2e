// What a confirmed step would let go, and from when on: seen before it is confirmed.
import { useQuery } from "@tanstack/react-query";
import type { Schemas } from "../api/client";
import { size } from "../lib/size";
import { Problem } from "../parts/problem";
import { Between, When } from "../parts/when";
import { useWords } from "../words";

interface Props {
  queryKey: readonly unknown[];
  ask: () => Promise<{ at: string; goes: Schemas["Going"][]; total: Schemas["Amounts"] }>;
}

export function Going({ queryKey, ask }: Props) {
  const { t, n, language } = useWords();
  const asked = useQuery({ queryKey, queryFn: ask });
  if (asked.isError) return <Problem error={asked.error} />;
  if (asked.isPending) return <p className="going muted">{t("answer.asking")}</p>;
  const { total, at, goes } = asked.data;
  return (
    <div className="going" role="status">
      {total.first && total.last ? (
        goes.map((each) => (
          <p key={each.classes.join()} className="high">
            {t("storage.goes", { name: each.classes.join(", "), events: n(each.amount.events), size: size(each.amount.bytes, language), n: each.amount.parts })} {each.amount.first && each.amount.last && <Between first={each.amount.first} last={each.amount.last} />}
          </p>
        ))
      ) : (
        <p>{t("storage.nothing_goes")}</p>
      )}
      <p className="muted">
        {t("storage.in_force_from")} <When at={at} form="full" />. {t("storage.until_then")}
      </p>
    </div>
  );
}
