// What the page asks its own server.  The token comes in the address; it is kept for other tabs and
// sent in a header, and is neither in the address afterwards nor in links that are copied.

const KEY = "tfsclient-token";
const given = new URLSearchParams(location.search).get("token");
if (given) {
  localStorage.setItem(KEY, given);
  history.replaceState(null, "", location.pathname + location.hash);
}

/** An error that the server told, or that it could not be asked. */
export class Failure extends Error {
  constructor({ code = null, details, hint = null, fields = null }) {
    super(details);
    Object.assign(this, { code, details, hint, fields });
  }
}

async function ask(path, { body, signal } = {}) {
  let answer;
  try {
    answer = await fetch(`api/${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: {
        "x-tfsclient-token": localStorage.getItem(KEY) ?? "",
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal,
      cache: "no-store",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure({
      details: "The page's own server does not answer.",
      hint: "Is the command that printed the address still running? What you typed is kept.",
    });
  }
  if (answer.ok) return answer;
  const told = await answer.json().catch(() => null);
  throw new Failure(told?.error ?? { details: `The page's own server answered ${answer.status}.` });
}

/** Asks with GET, for JSON. */
export const get = async (path, options) => (await ask(path, options)).json();

/** Asks with POST, for JSON. */
export const post = async (path, body, options = {}) =>
  (await ask(path, { ...options, body })).json();

/** All numbers of an output, to be drawn. */
export async function floats(id, output, options) {
  const answer = await ask(`calls/${id}/outputs/${output}?as=floats`, options);
  return new Float32Array(await answer.arrayBuffer());
}

/** Saves what the server answers as a file. */
export async function save(path, name, body) {
  const answer = await ask(path, body === undefined ? {} : { body });
  const told = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "");
  const url = URL.createObjectURL(await answer.blob());
  const link = document.createElement("a");
  link.href = url;
  link.download = name ?? told?.[1] ?? "file";
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Takes the token from an address that was pasted. */
export function adopt(text) {
  const found = /token=([\w-]+)/.exec(text) ?? /^\s*([\w-]{10,})\s*$/.exec(text);
  if (found) localStorage.setItem(KEY, found[1]);
  return Boolean(found);
}
