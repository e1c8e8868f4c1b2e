// People by what they are called, and not by the name that they sign in with.
import { useQuery } from "@tanstack/react-query";
import { api, data, type Schemas } from "../api/client";
import { useWords } from "../words";

interface People {
  /** Those whom work can be given to. */
  assignable: Schemas["Named"][];
  /** What an actor of the journal is called: a person, a person's token, a playbook. */
  nameOf: (actor: string) => string;
}

export function usePeople(): People {
  const { t } = useWords();
  const asked = useQuery({ queryKey: ["people", "names"], staleTime: 300_000, queryFn: () => data(api.GET("/api/v1/users/names")) });
  const nameOf = (actor: string) => {
    if (actor.startsWith("playbook:")) return t("who.playbook");
    const [, name = actor, rest = ""] = /^(\S+)( \(token:.*\))$/.exec(actor) ?? [];
    const called = asked.data?.find((person) => person.name === name)?.full_name || name;
    return rest ? t("who.token", { name: called }) : called;
  };
  return { assignable: asked.data?.filter((person) => person.is_assignable) ?? [], nameOf };
}

export function Who({ actor }: { actor: string }) {
  const { nameOf } = usePeople();
  return <span title={actor}>{nameOf(actor)}</span>;
}
