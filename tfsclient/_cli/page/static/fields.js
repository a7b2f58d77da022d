// A field of the form: an input of a signature, in one of the ways in which it can be given.

import { fill, fresh, h, segmented, wire } from "./dom.js";
import { cells } from "./cells.js";
import { features } from "./features.js";
import { dropZone, packed, unpacked } from "./files.js";

const MODES = {
  cells: "Values",
  features: "Features",
  text: "Text",
  json: "JSON",
  file: "File",
  fill: "Fill",
};

/**
 * The field of an input.
 *
 * @param {object} input what the server says of it
 * @param {() => void} changed is called whenever what it holds changes
 * @param {() => void} dropped is called when a file was given
 */
export function field(input, changed, dropped) {
  const id = fresh("field");
  const body = h("div.body");
  const error = h("p.wrong", { id: `${id}-wrong`, hidden: true });
  const bodies = {};
  let mode = input.modes[0];

  const modeNames = Object.fromEntries(input.modes.map((m) => [m, MODES[m]]));
  if (modeNames.file && input.picture) modeNames.file = "Picture";
  const choices = () =>
    input.modes.length > 1
      ? segmented(
          `How ${input.name} is given`,
          input.modes.map((one) => [one, modeNames[one]]),
          mode,
          (chosen) => {
            switchTo(chosen);
            changed();
          },
        )
      : null;
  const head = h("div.head");
  const skip = input.optional
    ? h("input", {
        type: "checkbox",
        checked: true,
        onchange: () => {
          body.hidden = skip.checked;
          changed();
        },
      })
    : null;
  const element = h(
    "div.field",
    { role: "group", "aria-labelledby": `${id}-name`, "aria-describedby": `${id}-wrong` },
    h(
      "div.title",
      {},
      h(
        "div.about-input",
        {},
        h("h3", { id: `${id}-name` }, wire(input.name)),
        h("span.type", {}, input.text),
      ),
      head,
    ),
    input.about ? h("p.quiet.small", {}, input.about) : null,
    skip ? h("label.check", {}, skip, " Leave it to the model\u2019s default") : null,
    body,
    error,
  );
  body.hidden = Boolean(skip);

  function switchTo(chosen) {
    mode = chosen;
    bodies[mode] ??= BODIES[mode](input, changed, dropped);
    fill(head, choices());
    fill(body, bodies[mode].element);
  }
  switchTo(mode);

  return {
    name: input.name,
    element,
    /** What a request says of it; null if it is left to its default. */
    async value() {
      if (skip?.checked) return null;
      return { mode, ...(await bodies[mode].value()) };
    },
    /** Fills it with what a request said. */
    restore(value) {
      if (!value || !input.modes.includes(value.mode)) return;
      if (skip) {
        skip.checked = false;
        body.hidden = false;
      }
      switchTo(value.mode);
      bodies[mode].restore(value);
    },
    refuse(text) {
      error.hidden = !text;
      fill(error, text ?? "");
      element.classList.toggle("refused", Boolean(text));
      for (const one of body.querySelectorAll("input, textarea")) {
        if (text) {
          one.setAttribute("aria-invalid", "true");
          one.setAttribute("aria-describedby", error.id);
        } else {
          one.removeAttribute("aria-invalid");
          one.removeAttribute("aria-describedby");
        }
      }
    },
    /** Takes a file that was dropped on the page; whether it can. */
    take(files) {
      if (!input.modes.includes("file")) return false;
      if (skip) {
        skip.checked = false;
        body.hidden = false;
      }
      switchTo("file");
      bodies.file.take(files);
      return true;
    },
    /** What has its file sent as base64 text; null where there is none, or it is already. */
    encoder: () => (mode === "file" ? bodies.file.encoder() : null),
    /** The numbers in it that can be moved: for what-if. */
    movable() {
      return skip?.checked ? [] : (bodies[mode].movable?.() ?? []);
    },
  };
}

const BODIES = { cells, features, text, json, file, fill: filling };

function area(input, label, start, changed, key = "text") {
  const box = h("textarea", {
    spellcheck: "false",
    autocomplete: "off",
    "aria-label": `${input.name} as ${label}`,
    rows: Math.min(14, Math.max(2, start.split("\n").length)),
    value: start,
    oninput: changed,
  });
  return {
    element: box,
    value: () => ({ [key]: box.value }),
    restore(value) {
      if (typeof value[key] !== "string") return;
      box.value = value[key];
      box.rows = Math.min(14, Math.max(2, box.value.split("\n").length));
    },
  };
}

function text(input, changed) {
  const made = area(input, "text", "", changed);
  made.element.classList.add("prose");
  return made;
}

function json(input, changed) {
  const made = area(input, "JSON", input.json ?? "", changed);
  made.movable = () => {
    if (input.kind !== "float" && input.kind !== "int") return [];
    let value;
    try {
      value = JSON.parse(made.element.value);
    } catch {
      return [];
    }
    const found = [];
    const walk = (one, index) => {
      if (found.length >= 200) return;
      if (Array.isArray(one)) one.forEach((inner, n) => walk(inner, [...index, n]));
      else if (typeof one === "number") {
        found.push({
          label: `${input.name} [${index.join(", ")}]`,
          change: { input: input.name, index },
          now: one,
          whole: input.kind === "int",
        });
      }
    };
    walk(value, []);
    return found;
  };
  return made;
}

function file(input, changed, dropped) {
  const again = () => {
    changed();
    if (zone.files().length) dropped();
  };
  const numbers = input.kind === "float";
  const strings = input.kind === "string";
  const zone = dropZone({
    name: input.name,
    multiple: true,
    changed: (files) => {
      changed();
      if (files.length) dropped();
    },
  });
  const choice = numbers
    ? h(
        "select",
        { onchange: again },
        h("option", { value: "1" }, "0 to 255, as they are"),
        h("option", { value: "1/255" }, "0 to 1 (scaled by 1/255)"),
      )
    : strings
      ? h(
          "select",
          { onchange: again },
          h("option", { value: "" }, "as it is"),
          h(
            "option",
            { value: "base64url", selected: input.base64url },
            "as web-safe base64 text",
          ),
        )
      : null;
  const element = h(
    "div",
    {},
    zone.element,
    choice && (numbers ? input.picture && !input.scaled : true)
      ? h("label.inline", {}, numbers ? "Values of pictures " : "The file is sent ", choice)
      : null,
    h(
      "p.quiet.small",
      {},
      input.kind === "string" || input.picture ? "A picture; or " : "",
      ".npy, .npz, .csv, .json, .jsonl",
    ),
  );
  return {
    element,
    async value() {
      return {
        files: await packed(zone.files()),
        ...(numbers && choice && !input.scaled ? { scale: choice.value } : {}),
        ...(strings ? { base64url: choice.value !== "" } : {}),
      };
    },
    restore(value) {
      if (Array.isArray(value.files)) zone.take(unpacked(value.files), true);
      if (numbers && choice && value.scale) choice.value = value.scale;
      // An example of the model's own does not say how it is sent.
      if (strings && "base64url" in value) choice.value = value.base64url ? "base64url" : "";
    },
    encoder: () =>
      strings && !choice.value && zone.files().length ? () => (choice.value = "base64url") : null,
    take: (files) => zone.take(files),
  };
}

function filling(input, changed) {
  const sizes = [...input.sizes];
  const what = h(
    "select",
    { onchange: changed },
    ["zeros", "ones", "random"].map((one) => h("option", { value: one }, one)),
  );
  const boxes = sizes.map((size, n) => {
    const fixed = input.shape !== null && input.shape[n] !== -1;
    return h("input.size", {
      type: "number",
      min: "0",
      value: String(size),
      disabled: fixed,
      "aria-label": `${input.name}, size of dimension ${n}`,
      oninput: (event) => {
        sizes[n] = Math.max(0, Math.trunc(Number(event.target.value)) || 0);
        changed();
      },
    });
  });
  const between = boxes.flatMap((box, n) =>
    n ? [h("span.quiet", { "aria-hidden": "true" }, "\u00d7"), box] : [box],
  );
  return {
    element: h(
      "div.filling",
      {},
      h("label.inline", {}, "With ", what),
      boxes.length ? h("div.sizes", {}, h("span", {}, "Shape"), between) : null,
    ),
    value: () => ({ with: what.value, sizes: [...sizes] }),
    restore(value) {
      what.value = value.with ?? "zeros";
      value.sizes?.forEach((size, n) => {
        sizes[n] = size;
        if (boxes[n]) boxes[n].value = String(size);
      });
    },
  };
}
