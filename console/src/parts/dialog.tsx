// A dialog: Mantine's modal with our measures; the focus goes back to where it was.
import { Modal } from "@mantine/core";
import type { ReactNode } from "react";
import { useWords } from "../words";

export function Dialog(props: { title: string; onClose: () => void; children: ReactNode; wide?: boolean }) {
  const { t } = useWords();
  return (
    <Modal
      opened
      onClose={props.onClose}
      title={props.title}
      size={props.wide ? 640 : 440}
      padding={16}
      radius={6}
      transitionProps={{ duration: 0 }}
      closeButtonProps={{ "aria-label": t("action.hide"), size: "sm" }}
      overlayProps={{ backgroundOpacity: 0.35 }}
    >
      {props.children}
    </Modal>
  );
}
