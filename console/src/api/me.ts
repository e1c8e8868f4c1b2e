// Who is signed in.
import { useQuery } from "@tanstack/react-query";
import { api, data, Failure } from "./client";

/** The signed-in person, or null; asked once and after every sign-in. */
export function useMe() {
  return useQuery({
    queryKey: ["me"],
    staleTime: Number.POSITIVE_INFINITY,
    queryFn: async () => {
      try {
        return await data(api.GET("/api/v1/auth/me"));
      } catch (error) {
        if (error instanceof Failure && error.problem.status === 401) return null;
        throw error;
      }
    },
  });
}
