// An answer that comes as a stream of server-sent events (api/asking.py): how far it is, and at last what it is.
import { data, Failure, type Problem, Unreachable } from "./client";

interface Said {
  progress: unknown;
  answer: unknown;
  problem: Problem;
}

/** Calls back with each progress. Throws Failure, Unreachable when the stream ends without an answer, Error for a message of another kind. */
export async function follow<S extends Said>(asked: Parameters<typeof data<ReadableStream<Uint8Array<ArrayBuffer>> | null>>[0], tell: (progress: S["progress"]) => void): Promise<S["answer"]> {
  const reader = (await data(asked))?.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = (await reader?.read()) ?? { done: true };
    if (done) throw new Unreachable();
    const parts = (rest + value).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      // not "." but anything: U+2028 and U+2029 stand in JSON as they are
      const [, name, json = ""] = /^event: (\w+)\ndata: ([^]*)$/.exec(part) ?? [];
      if (name === "problem") throw new Failure(JSON.parse(json) as Problem);
      if (name === "answer") return JSON.parse(json) as S["answer"];
      if (name !== "progress") {
        await reader?.cancel();
        throw new Error(`An unknown message: ${part.slice(0, 80)}`);
      }
      tell(JSON.parse(json) as S["progress"]);
    }
  }
}
