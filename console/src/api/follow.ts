// An answer that comes as a stream of server-sent events (api/asking.py): how far it is, and at last what it is.
import { data, Failure, type Problem, Unreachable } from "./client";

interface Said {
  progress: unknown;
  answer: unknown;
  problem: Problem;
}

/** Calls back with each progress. Throws Failure, and Unreachable when the stream ends without an answer. */
export async function follow<S extends Said>(asked: Parameters<typeof data<ReadableStream<Uint8Array<ArrayBuffer>> | null>>[0], tell: (progress: S["progress"]) => void): Promise<S["answer"]> {
  const reader = (await data(asked))?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) throw new Unreachable();
    const parts = (rest + value).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const [, name, json] = /^event: (\w+)\ndata: (.*)$/.exec(part) ?? [];
      if (name === "problem") throw new Failure(JSON.parse(json ?? "") as Problem);
      if (name === "answer") return JSON.parse(json ?? "") as S["answer"];
      if (name === "progress") tell(JSON.parse(json ?? "") as S["progress"]);
    }
  }
}
