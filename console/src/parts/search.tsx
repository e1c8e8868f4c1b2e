// A box for words: what is typed is asked for when it rests, or at once by Enter.
import { useResting } from "../lib/resting";

const REST = 300;

export function Search(props: { label: string; value: string; onChange: (text: string) => void }) {
  const { label, value, onChange } = props;
  const [text, setText, send] = useResting(value, onChange, REST);
  return (
    <input
      type="search"
      className="input"
      style={{ flex: 1, minWidth: 160 }}
      aria-label={label}
      placeholder={label}
      spellCheck={false}
      value={text}
      onChange={(event) => setText(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === "Enter") {
          // and does not send the form around it
          event.preventDefault();
          send();
        }
        if (event.key === "Escape") event.currentTarget.blur();
      }}
    />
  );
}
