// Taking what is on the page away as a file.
import { Menu } from "@mantine/core";
import { useState } from "react";
import { download } from "../lib/download";
import { useWords } from "../words";
import { useToast } from "./toast";

export const REPORT_FORMS = ["pdf", "xlsx", "csv", "json"] as const;

interface Props {
  /** The address of the file in a format. */
  url: (format: string) => string;
  formats: readonly ("csv" | "xlsx" | "jsonl" | "pdf" | "json")[];
  /** What to say when the file does not hold all. */
  part: string;
  /** Why there is nothing to take away; empty where the page says it beside. */
  off?: string | false;
  label?: string;
}

export function ExportMenu({ url, formats, part, off = false, label }: Props) {
  const { t, language } = useWords();
  const tell = useToast();
  const [isBusy, setBusy] = useState(false);
  const save = async (format: string) => {
    setBusy(true);
    try {
      const headers = await download(url(format), language);
      const isWhole = headers.get("x-kydai-complete") !== "false";
      tell({ text: isWhole ? t("export.whole") : part, isBad: !isWhole });
    } catch (error) {
      tell({ error });
    }
    setBusy(false);
  };
  return (
    <Menu withInitialFocusPlaceholder={false} position="bottom-end" transitionProps={{ duration: 0 }} returnFocus>
      <Menu.Target>
        <button type="button" className="button" disabled={isBusy || off !== false} title={off || undefined}>
          {isBusy ? t("export.busy") : (label ?? t("action.export"))}
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        {formats.map((format) => (
          <Menu.Item key={format} onClick={() => void save(format)}>
            {t(`export.as.${format}`)}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

/** Search parameters from what is set; lists repeat their name. */
export function searchOf(values: Record<string, string | number | boolean | readonly string[] | undefined>): string {
  const pairs = Object.entries(values).flatMap(([name, value]) => (Array.isArray(value) ? value.map((one: string) => [name, one]) : value === undefined ? [] : [[name, String(value)]]));
  return new URLSearchParams(pairs).toString();
}
