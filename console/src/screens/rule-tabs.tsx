// The list of rules, the ATT&CK matrix, the exceptions and the packages stand side by side.
import { NavLink } from "react-router";
import { useWords } from "../words";

export function RuleTabs({ title }: { title?: string }) {
  const { t } = useWords();
  return (
    <>
      <h1>{title ?? t("rules.title")}</h1>
      <nav className="tabs" aria-label={t("rules.title")}>
        <NavLink to="/detections" end>
          {t("rules.tab")}
        </NavLink>
        <NavLink to="/detections/matrix">{t("matrix.tab")}</NavLink>
        <NavLink to="/exceptions">{t("except.list")}</NavLink>
        <NavLink to="/detections/packages">{t("rules.packages")}</NavLink>
      </nav>
    </>
  );
}
