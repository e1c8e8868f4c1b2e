// What every screen knows: who is signed in, the house's zone, the stream.
import { createContext, use, useSyncExternalStore } from "react";
import type { Schemas } from "../api/client";
import { Stream, type StreamState } from "../api/stream";

export interface House {
  me: Schemas["Me"];
  stream: Stream;
  may: (right: Schemas["Me"]["may"][number]) => boolean;
}

export const HouseContext = createContext<House | null>(null);

export function useHouse(): House {
  const house = use(HouseContext);
  if (!house) throw new Error("nobody is signed in");
  return house;
}

export function useStream(): StreamState {
  const { stream } = useHouse();
  return useSyncExternalStore(stream.watch, stream.read);
}
