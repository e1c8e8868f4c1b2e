// The list of rules and the ATT&CK matrix stand side by side.
import { NavLink } from "react-router";
import { useWords } from "../words";

export function RuleTabs() {
  const { t } = useWords();
  return (
    <>
      <h1>{t("rules.title")}</h1>
      <nav className="tabs" aria-label={t("rules.title")}>
        <NavLink to="/detections" end>
          {t("rules.tab")}
        </NavLink>
        <NavLink to="/detections/matrix">{t("matrix.tab")}</NavLink>
        <NavLink to="/exceptions">{t("except.list")}</NavLink>
      </nav>
    </>
  );
}
