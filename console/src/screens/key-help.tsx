// The list of keys.
import { Dialog } from "../parts/dialog";
import { type Key, useWords } from "../words";
import { usePlaces } from "./shell";

const KEYS: readonly [string[], Key][] = [
  [["j", "k"], "keys.move"],
  [["Enter"], "keys.open"],
  [["a"], "keys.assign"],
  [["e"], "keys.acknowledge"],
  [["c"], "keys.close"],
  [["x"], "keys.choose"],
  [["X"], "keys.choose_every"],
  [["u"], "keys.undo"],
  [["n"], "keys.note"],
  [["r"], "keys.refresh"],
  [["Esc"], "keys.escape"],
  [["Ctrl K", "/"], "keys.palette"],
  [["?"], "keys.help"],
];

export function KeyHelp({ onClose }: { onClose: () => void }) {
  const { t } = useWords();
  const places = usePlaces();
  return (
    <Dialog title={t("keys.title")} onClose={onClose}>
      <dl className="keys">
        {KEYS.map(([names, meaning]) => (
          <Row key={meaning} names={names} text={t(meaning)} />
        ))}
        {places.map((place) => place && <Row key={place.path} names={[`g ${place.key}`]} text={t(place.name)} />)}
      </dl>
    </Dialog>
  );
}

function Row({ names, text }: { names: string[]; text: string }) {
  return (
    <>
      <dt>
        {names.map((name, at) => (
          <span key={name}>
            {at > 0 && " "}
            <kbd>{name}</kbd>
          </span>
        ))}
      </dt>
      <dd>{text}</dd>
    </>
  );
}
