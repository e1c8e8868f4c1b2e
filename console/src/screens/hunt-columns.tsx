// The columns of the events: chosen, dropped and moved by a menu in their heads or by dragging these.
import { Menu } from "@mantine/core";
import type { DragEvent } from "react";
import { useWords } from "../words";

/** The column of the text that tells most of an event. */
export const TEXT = "*";
export const DEFAULT_COLUMNS = ["host.name", "event.dataset", TEXT] as const;

/** The columns that the address names, the usual ones when it names none. */
export function columnsOf(written: string): readonly string[] {
  const found = [...new Set(written.split(",").filter(Boolean))];
  return found.length ? found : DEFAULT_COLUMNS;
}

/** As the address keeps them; nothing for the usual ones. */
export function writtenColumns(columns: readonly string[]): string | null {
  return columns.length === 0 || columns.join() === DEFAULT_COLUMNS.join() ? null : columns.join();
}

export function moved(columns: readonly string[], name: string, to: number): readonly string[] {
  const rest = columns.filter((each) => each !== name);
  return [...rest.slice(0, to), name, ...rest.slice(to)];
}

export function toggled(columns: readonly string[], name: string): readonly string[] {
  if (columns.includes(name)) return columns.length > 1 ? columns.filter((each) => each !== name) : columns;
  // the text is the widest: it stays last
  return columns.at(-1) === TEXT ? [...columns.slice(0, -1), name, TEXT] : [...columns, name];
}

const KIND = "application/x-kydai-column";

export function ColumnHead({ name, columns, onColumns, onGroup }: { name: string; columns: readonly string[]; onColumns: (columns: readonly string[]) => void; onGroup: (field: string) => void }) {
  const { t } = useWords();
  const at = columns.indexOf(name);
  const drop = (event: DragEvent) => {
    const other = event.dataTransfer.getData(KIND);
    if (!columns.includes(other)) return;
    event.preventDefault();
    onColumns(moved(columns, other, at));
  };
  return (
    <Menu withInitialFocusPlaceholder={false} position="bottom-start" transitionProps={{ duration: 0 }} returnFocus>
      <Menu.Target>
        <button
          type="button"
          className="column-head"
          draggable
          title={name === TEXT ? t("hunt.column_help") : `${name}: ${t("hunt.column_help")}`}
          onDragStart={(event) => event.dataTransfer.setData(KIND, name)}
          onDragOver={(event) => event.preventDefault()}
          onDrop={drop}
        >
          {name === TEXT ? t("hunt.text") : name} <span aria-hidden="true">▾</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {at > 0 && <Menu.Item onClick={() => onColumns(moved(columns, name, at - 1))}>{t("hunt.column_left")}</Menu.Item>}
        {at < columns.length - 1 && <Menu.Item onClick={() => onColumns(moved(columns, name, at + 1))}>{t("hunt.column_right")}</Menu.Item>}
        {columns.length > 1 && <Menu.Item onClick={() => onColumns(toggled(columns, name))}>{t("hunt.drop_column")}</Menu.Item>}
        {name !== TEXT && <Menu.Item onClick={() => onGroup(name)}>{t("hunt.group_by", { field: name })}</Menu.Item>}
        <Menu.Divider />
        {!columns.includes(TEXT) && <Menu.Item onClick={() => onColumns([...columns, TEXT])}>{t("hunt.add_text")}</Menu.Item>}
        <Menu.Item disabled={writtenColumns(columns) === null} onClick={() => onColumns(DEFAULT_COLUMNS)}>
          {t("hunt.default_columns")}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
