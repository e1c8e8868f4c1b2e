// Who may change what rules ask: it holds for every host of the house.
import { useHouse } from "../parts/house";

export function useMayRule(): boolean {
  const { may, me } = useHouse();
  return may("triage") && !me.scope;
}
