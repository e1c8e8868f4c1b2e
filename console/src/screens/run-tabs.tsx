// Runs and the playbooks themselves stand side by side.
import { NavLink } from "react-router";
import { useWords } from "../words";

export function RunTabs() {
  const { t } = useWords();
  return (
    <>
      <h1>{t("runs.title")}</h1>
      <nav className="tabs" aria-label={t("runs.title")}>
        <NavLink to="/runs">{t("runs.tab")}</NavLink>
        <NavLink to="/playbooks">{t("playbooks.tab")}</NavLink>
      </nav>
    </>
  );
}
