// The API: typed from its OpenAPI document, errors as one kind, a lost session told to whoever listens.
import createClient, { type Middleware } from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** What went wrong (RFC 9457); `position` is where in a query, `near` what may have been meant. */
export type Problem = Omit<Schemas["Problem"], "type"> & { type?: string };

/** The type of the answer that asks for a one-time code. */
export const NEED_CODE = "kydai:need-code";

/** An answer that is an error; `problem.detail` is in the reader's language. */
export class Failure extends Error {
  constructor(readonly problem: Problem) {
    super(problem.detail || problem.title);
  }
}

/** No answer came: the server is away, or the network to it. */
export class Unreachable extends Error {}

let language = "vi";
export function speak(code: string): void {
  language = code;
}

const onLost = new Set<() => void>();
/** Calls back when an answer says that nobody is signed in any more. */
export function whenSessionLost(call: () => void): () => void {
  onLost.add(call);
  return () => onLost.delete(call);
}

const headers: Middleware = {
  onRequest({ request }) {
    request.headers.set("x-kydai", "1");
    request.headers.set("accept-language", language);
  },
  onResponse({ response, request }) {
    if (response.status === 401 && !/\/auth\/(me|sign-in|link)$/.test(new URL(request.url).pathname)) {
      for (const call of onLost) call();
    }
  },
  onError: () => new Unreachable(),
};

export const api = createClient<paths>();
api.use(headers);

const unknownProblem = (status: number): Problem => ({ title: `HTTP ${status}`, status, detail: "" });

/** What an error's body says; a body that is none of ours (a proxy's page) becomes its status. */
export async function problemOf(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json();
    if (typeof body === "object" && body && "title" in body) return body as Problem;
  } catch {
    // not JSON
  }
  return unknownProblem(response.status);
}

/** The data of an answer. Throws Failure. */
export async function data<T>(asked: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asked;
  if (error !== undefined || !response.ok) {
    const known = typeof error === "object" && error && "title" in error;
    throw new Failure(known ? (error as Problem) : unknownProblem(response.status));
  }
  return data as T;
}
