// What is shown when a screen breaks: the page around it goes on, and loading it again helps most of the time.
import { Component, type ReactNode } from "react";
import { type Speech, useWords } from "../words";

interface Props {
  /** Another name begins anew: the screen's path. */
  name: string;
  children: ReactNode;
}

export function Boundary(props: Props) {
  return <Inner {...props} words={useWords()} key={props.name} />;
}

class Inner extends Component<Props & { words: Speech }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };

  static getDerivedStateFromError(error: Error) {
    return { error };
  }

  override render() {
    const { t } = this.props.words;
    if (!this.state.error) return this.props.children;
    return (
      <div className="empty" role="alert">
        <strong className="error">{t("broken.title")}</strong>
        <p>{t("broken.text")}</p>
        <p className="mono">{this.state.error.message}</p>
        <p style={{ marginTop: 8 }}>
          <button type="button" className="button" onClick={() => window.location.reload()}>
            {t("broken.reload")}
          </button>
        </p>
      </div>
    );
  }
}
