// A dialog: Mantine's modal with our measures; the focus goes back to where it was.
import { Modal } from "@mantine/core";
import { type ReactNode, useEffect, useState } from "react";
import { useWords } from "../words";

interface Props {
  title: string;
  onClose: () => void;
  children: ReactNode;
  wide?: boolean;
  /** Pixels, where a table needs more than a wide one has. */
  width?: number;
  /** What was typed is not thrown away by a click beside it. */
  isForm?: boolean;
}

export function Dialog(props: Props) {
  const { t } = useWords();
  useFocusBack();
  return (
    <Modal
      opened
      onClose={props.onClose}
      title={props.title}
      size={props.width ?? (props.wide ? 640 : 440)}
      padding={16}
      radius={6}
      closeOnClickOutside={!props.isForm}
      transitionProps={{ duration: 0 }}
      closeButtonProps={{ "aria-label": t("action.hide"), size: "sm" }}
      overlayProps={{ backgroundOpacity: 0.35 }}
    >
      {props.children}
    </Modal>
  );
}

/** What had the focus before the first of dialogs that follow each other. */
let opener: Element | null = null;

/** Mantine gives the focus back to what had it only when a modal stays and is closed; ours go. */
function useFocusBack(): void {
  const [before] = useState(() => {
    // what opens a second dialog stands in the first, and goes with it
    if (!document.querySelector('[role="dialog"]')) opener = document.activeElement;
    return opener;
  });
  useEffect(
    () => () => {
      window.setTimeout(() => {
        if (document.querySelector('[role="dialog"]')) return;
        if (before instanceof HTMLElement && before !== document.body) before.focus({ preventScroll: true });
        // the button that opened it may be gone after what was done
        if (document.activeElement === document.body) document.querySelector<HTMLElement>("main")?.focus({ preventScroll: true });
      });
    },
    [before],
  );
}
