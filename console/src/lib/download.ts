// Files that the API answers with, handed to the browser.
import { Failure, problemOf } from "../api/client";

/** Fetches a file and saves it under the name that the server gives; returns the answer's headers. */
export async function download(url: string, language: string): Promise<Headers> {
  const response = await fetch(url, { headers: { "accept-language": language } });
  if (!response.ok) throw new Failure(await problemOf(response));
  const named = /filename="([^"]+)"/.exec(response.headers.get("content-disposition") ?? "")?.[1];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = named ?? "kydai";
  link.click();
  URL.revokeObjectURL(link.href);
  return response.headers;
}
