// A choice among a few, with its label inside the box.
export interface Option {
  value: string;
  label: string;
}

export function Choice(props: { label: string; value: string; options: readonly Option[]; onChange: (value: string) => void; isDisabled?: boolean }) {
  return (
    <label className="choice">
      <span>{props.label}</span>
      <select value={props.value} disabled={props.isDisabled} onChange={(event) => props.onChange(event.target.value)}>
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </label>
  );
}
