// Times on the page: local, with UTC on hover.
import { clock, moment, near, span, utc } from "../lib/time";
import { useWords } from "../words";
import { useHouse } from "./house";

/** One moment; `short` leaves today's date out. */
export function When({ at, form = "near" }: { at: string; form?: "near" | "full" | "clock" }) {
  const { language } = useWords();
  const { zone } = useHouse().me;
  const time = Date.parse(at);
  const text = form === "full" ? moment(time, language, zone) : form === "clock" ? clock(time, zone) : near(time, Date.now(), language, zone);
  return (
    <time dateTime={at} title={`${moment(time, language, zone)}\n${utc(time)}`}>
      {text}
    </time>
  );
}

/** From the first to the last moment. */
export function Between({ first, last }: { first: string; last: string }) {
  const { language } = useWords();
  const { zone } = useHouse().me;
  const [from, to] = [Date.parse(first), Date.parse(last)];
  const title = [moment(from, language, zone), utc(from), moment(to, language, zone), utc(to)].join("\n");
  return <span title={title}>{span(from, to, Date.now(), language, zone)}</span>;
}
