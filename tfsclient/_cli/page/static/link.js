// The address holds what is called and, if that is short, what stands in the form.

import { size, tell } from "./dom.js";

const MOST = 6000; // characters: longer addresses are cut by what they are pasted into

/** The link to a call: what follows the address of the page. */
export function linkOf({ target, ...request }, targets) {
  const full = { server: targets[target]?.target, ...request };
  const bare = { ...full, inputs: undefined, whole: undefined };
  return `#${encodeURIComponent(JSON.stringify(size(full) <= MOST ? full : bare))}`;
}

/** The call that a link holds; null if it holds none. */
export function callIn(hash, targets) {
  try {
    const { server, ...call } = JSON.parse(decodeURIComponent(hash.slice(1)));
    if (typeof call.model !== "string") return null;
    const target = targets.findIndex((one) => one.target === server);
    if (server !== undefined && target < 0) {
      tell(`This page does not call ${server}, as the link does`);
    }
    return { ...call, target: Math.max(0, target) };
  } catch {
    return null;
  }
}
