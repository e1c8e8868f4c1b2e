// Undoing a change of the inventory from the words about it.
import type { QueryClient } from "@tanstack/react-query";
import { api, data } from "../api/client";

/** Undoes the entry of the journal; nothing where nothing changed. */
export function undoOf(entry: number | null, queries: QueryClient): (() => Promise<unknown>) | undefined {
  if (entry === null) return undefined;
  return async () => {
    await data(api.POST("/api/v1/sources/undo", { body: { entry } }));
    await queries.invalidateQueries({ queryKey: ["sources"] });
  };
}
