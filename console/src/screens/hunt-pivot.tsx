// What can be done with a value, one menu for every place where one is shown.
import { Menu } from "@mantine/core";
import { createContext, type ReactNode, use, useCallback, useMemo, useState } from "react";
import { Link } from "react-router";
import { entityPath, kindOf } from "../lib/entity";
import { named, narrow, parted } from "../lib/query-text";
import { MINUTE } from "../lib/time";
import { visible } from "../lib/visible";
import { useClipboard } from "../parts/by-hand";
import { useToast } from "../parts/toast";
import { useWords } from "../words";
import { around, hunt } from "./links";

const MARGIN = 15 * MINUTE;

interface Asked {
  field: string;
  value: string;
  /** When the event of the value happened. */
  at?: string;
  /** Others differ in case only. */
  isExact?: boolean;
  place: DOMRect;
}

interface Props {
  query: string;
  columns: readonly string[];
  onAsk: (query: string) => void;
  onColumn: (field: string) => void;
  children: ReactNode;
}

const Context = createContext<((asked: Asked) => void) | null>(null);

/** Opens the menu for the values within. */
export function PivotMenu({ query, columns, onAsk, onColumn, children }: Props) {
  const { t } = useWords();
  const tell = useToast();
  const [asked, setAsked] = useState<Asked | null>(null);
  const open = useCallback((next: Asked) => setAsked(next), []);
  const { field, value, at, isExact } = asked ?? { field: "", value: "" };
  const operator = isExact ? "==" : ":";
  const kind = kindOf(field, value);
  const { where } = parted(query);
  const only = narrow("", field, value, false, operator);
  const [clip, byHand] = useClipboard(t("hunt.copy_value"), t("copy.by_hand"));
  const copy = async () => {
    if (await clip(value)) tell({ text: t("copy.done") });
  };
  return (
    <Context value={open}>
      {children}
      <Menu withInitialFocusPlaceholder={false} opened={!!asked} onChange={(isOpen) => !isOpen && setAsked(null)} position="bottom-start" transitionProps={{ duration: 0 }} returnFocus width={320}>
        <Menu.Target>
          <button type="button" tabIndex={-1} className="pivot-anchor" aria-label={t("hunt.pivot", { field, value })} style={asked ? { left: asked.place.left, top: asked.place.top, height: asked.place.height, width: asked.place.width } : { display: "none" }} />
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Label className="mono pivot-label">
            {field}: {visible(value)}
          </Menu.Label>
          <Menu.Item onClick={() => onAsk(narrow(query, field, value, false, operator))}>{t("hunt.with")}</Menu.Item>
          <Menu.Item onClick={() => onAsk(narrow(query, field, value, true, operator))}>{t("hunt.without")}</Menu.Item>
          <Menu.Item onClick={() => onAsk(only)}>{t("hunt.only")}</Menu.Item>
          <Menu.Item onClick={() => onAsk(`${where || "*"} | count by ${named(field)} | sort -count`)}>{t("hunt.group_by", { field })}</Menu.Item>
          <Menu.Divider />
          {at && (
            <Menu.Item component={Link} to={hunt(only, around(at, at, MARGIN))}>
              {t("hunt.around_value")}
            </Menu.Item>
          )}
          {kind && (
            <Menu.Item component={Link} to={entityPath(kind, kind === "ip" ? value.replace(/^\[|\]$/g, "") : value)}>
              {t("hunt.entity")}
            </Menu.Item>
          )}
          <Menu.Item onClick={() => onColumn(field)}>{columns.includes(field) ? t("hunt.drop_column") : t("hunt.add_column")}</Menu.Item>
          <Menu.Item onClick={() => void copy()}>{t("hunt.copy_value")}</Menu.Item>
        </Menu.Dropdown>
      </Menu>
      {byHand}
    </Context>
  );
}

/** A value that the menu opens on; the members of a list each for itself. */
export function Pivot({ field, value, at, isExact }: { field: string; value: unknown; at?: string; isExact?: boolean }) {
  const open = use(Context);
  const { t } = useWords();
  const members = useMemo(() => [...new Set((Array.isArray(value) ? value : [value]).filter((each) => each !== null && each !== undefined).map(String))], [value]);
  if (!open || members.length === 0) return "–";
  return members.map((text, index) => (
    <span key={text}>
      {index > 0 && ", "}
      <button type="button" className="pivot" aria-haspopup="menu" title={t("hunt.pivot", { field, value: text })} onClick={(event) => open({ field, value: text, at, isExact, place: event.currentTarget.getBoundingClientRect() })}>
        {visible(text) || "“”"}
      </button>
    </span>
  ));
}
