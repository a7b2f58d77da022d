// Elements from names, properties and children.  What comes from models is always text: nothing here
// or elsewhere on the page parses markup.

import { keeping } from "./focus.js";

/**
 * An element.
 *
 * @param {string} tag its name, and classes after dots: "p.quiet"
 * @param {Record<string, unknown>} props attributes; functions are listeners, as in onclick
 * @param {...(Node | string | number | null | undefined | false)} children
 */
export function h(tag, props = {}, ...children) {
  const [name, ...classes] = tag.split(".");
  const made = document.createElement(name);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") made.addEventListener(key.slice(2), value);
    else if (key === "value" || key === "checked" || key === "selected") made[key] = value;
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  append(made, children);
  return made;
}

/** Replaces what an element holds; the keyboard stays where it was in it. */
export function fill(element, ...children) {
  keeping(element, () => {
    element.replaceChildren();
    append(element, children);
  });
  return element;
}

function append(element, children) {
  for (const child of children.flat(3)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : String(child));
  }
}

/** A name or value of a model's: its direction is its own, so it turns nothing around it. */
export function wire(text, tag = "bdi.wire") {
  return h(tag, {}, text === "" ? "\u201c\u201d" : text);
}

/** An SVG element. */
export function svg(tag, props = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [key, value] of Object.entries(props)) made.setAttribute(key, String(value));
  append(made, children);
  return made;
}

let count = 0;
/** An id that nothing else has. */
export const fresh = (lead = "id") => `${lead}-${++count}`;

/** A button. */
export function button(label, onclick, props = {}) {
  return h("button", { type: "button", onclick, ...props }, label);
}

/** A choice of one, as a row of labels; `choose` is told which. */
export function segmented(legend, options, chosen, choose) {
  const name = fresh("choice");
  return h(
    "fieldset.segmented",
    {},
    h("legend.hidden", {}, legend),
    options.map(([value, label]) =>
      h(
        "label",
        {},
        h("input", {
          type: "radio",
          name,
          value,
          checked: value === chosen,
          onchange: () => choose(value),
        }),
        h("span", {}, label),
      ),
    ),
  );
}

/** Panels of which one is seen; arrow keys move between their tabs. */
export function tabs(label, panels, { chosen = panels[0][0], onshow } = {}) {
  const buttons = new Map();
  const bodies = new Map();
  const list = h("div.tabs", { role: "tablist", "aria-label": label });
  const holder = h("div.panels");
  const show = (key, focus = false) => {
    for (const [other, tab] of buttons) {
      const on = other === key;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      bodies.get(other).hidden = !on;
    }
    if (focus) buttons.get(key).focus();
    shown.key = key;
    onshow?.(key);
  };
  const shown = { key: chosen, element: h("div.tabbed", {}, list, holder), show };
  const keys = panels.map(([key]) => key);
  for (const [key, title, body] of panels) {
    const id = fresh("tab");
    const tab = h(
      "button.tab",
      { type: "button", role: "tab", id, "aria-controls": `${id}-panel`, onclick: () => show(key) },
      title,
    );
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const at = keys.indexOf(key);
      const to = { Home: 0, End: keys.length - 1 }[event.key] ?? (step && at + step);
      if (to === undefined) return;
      event.preventDefault();
      show(keys[(to + keys.length) % keys.length], true);
    });
    buttons.set(key, tab);
    bodies.set(key, h("div", { role: "tabpanel", id: `${id}-panel`, "aria-labelledby": id }, body));
    list.append(tab);
    holder.append(bodies.get(key));
  }
  show(chosen);
  return shown;
}

/** Calls `work` once it has not been asked for some time. */
export function later(milliseconds, work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds);
  };
}

/** Says something to everybody, also to those who do not see the page. */
export function tell(text) {
  const news = document.getElementById("news");
  fill(news, text);
  news.classList.add("seen");
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => news.classList.remove("seen"), 3000);
}

/** Copies text, also where the page is not on this machine and browsers offer less. */
export async function copy(text) {
  if (navigator.clipboard) await navigator.clipboard.writeText(text);
  else {
    const focused = document.activeElement;
    const box = h("textarea", { value: text });
    document.body.append(box);
    box.select();
    document.execCommand("copy");
    box.remove();
    focused?.focus();
  }
}

/** An error as it is shown: what happened, and what can be done. */
export function failure(error, props = {}) {
  return h(
    "div.failure",
    { role: "alert", ...props },
    h(
      "p",
      {},
      error.code ? h("strong", {}, error.code) : null,
      error.code ? " " : "",
      h("span", {}, error.details ?? String(error.message ?? error)),
    ),
    error.hint ? h("p.quiet", {}, error.hint) : null,
  );
}

/** A number with as few digits as tell it apart. */
export function digits(number) {
  if (typeof number !== "number") return String(number);
  if (Number.isInteger(number)) return String(number);
  const size = Math.abs(number);
  return size >= 1e6 || size < 1e-4
    ? number.toExponential(4)
    : String(Number(number.toPrecision(6)));
}

/** What an object holds itself by this name, if anything: models name inputs "constructor", too. */
export const own = (object, name) =>
  object && Object.hasOwn(object, name) ? object[name] : undefined;

/** A version that was typed, as text where numbers would round it; null if it is a label. */
export function versionOf(typed) {
  if (!/^\d+$/.test(typed)) return null;
  return Number.isSafeInteger(Number(typed)) ? Number(typed) : typed;
}

export const plural = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;

/** Bytes in words. */
export function bytes(n) {
  if (n < 1000) return `${n} B`;
  return n < 1e6 ? `${(n / 1e3).toFixed(1)} kB` : `${(n / 1e6).toFixed(1)} MB`;
}

/** Seconds in words. */
export function milliseconds(seconds) {
  const ms = seconds * 1e3;
  return ms < 10
    ? `${ms.toFixed(2)} ms`
    : ms < 1000
      ? `${ms.toFixed(0)} ms`
      : `${seconds.toFixed(2)} s`;
}

/** About how many characters a value takes as JSON, found without writing it. */
export function size(value) {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  return Object.entries(value).reduce((sum, [name, one]) => sum + name.length + size(one), 4);
}
