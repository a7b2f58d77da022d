// The form of a signature: a field for each input, or one field for all of them.

import { fill, h, own, segmented } from "./dom.js";
import { dropZone, packed, unpacked } from "./files.js";
import { field } from "./fields.js";

/**
 * A form.
 *
 * @param {object} signature what the server says of it
 * @param {{changed: () => void, dropped: () => void}} told `dropped` when a file filled it
 */
export function makeForm(signature, { changed, dropped }) {
  const fields = signature.inputs.map((input) =>
    field(
      input,
      () => {
        refuse(null);
        changed();
      },
      dropped,
    ),
  );
  const error = h("p.wrong", { hidden: true, role: "alert" });
  let way = "fields";
  const each = h(
    "div.fields",
    {},
    fields.length
      ? fields.map((one) => one.element)
      : h("p.quiet", {}, "This signature takes no inputs."),
  );
  const whole = makeWhole(
    signature,
    () => {
      refuse(null);
      changed();
    },
    dropped,
  );
  const holder = h("div", {}, each);
  const head = h("div.head");
  const element = h("div.form", {}, head, holder, error);

  function choose(chosen) {
    way = chosen;
    fill(
      head,
      h("h2.section", {}, "Inputs"),
      segmented(
        "How the inputs are given",
        [
          ["fields", "Fields"],
          ["json", "JSON"],
          ["csv", "CSV"],
          ["file", "File"],
        ],
        way,
        (one) => {
          choose(one);
          changed();
        },
      ),
    );
    if (way !== "fields") whole.show(way);
    fill(holder, way === "fields" ? each : whole.element);
  }
  choose(way);

  function refuse(refused) {
    for (const one of fields) one.refuse(way === "fields" ? own(refused, one.name) : null);
    const others = Object.entries(refused ?? {})
      .filter(([name]) => way !== "fields" || !fields.some((one) => one.name === name))
      .map(([name, text]) => (name ? `${name}: ${text}` : text));
    error.hidden = !others.length;
    fill(error, others.join("; "));
  }

  return {
    element,
    /** What a request holds of it. */
    async value() {
      if (way !== "fields") return { inputs: {}, whole: await whole.value() };
      const values = await Promise.all(fields.map((one) => one.value()));
      const given = fields.flatMap((one, n) => (values[n] === null ? [] : [[one.name, values[n]]]));
      return { inputs: Object.fromEntries(given), whole: null };
    },
    restore({ inputs, whole: all }) {
      if (all) {
        choose(all.mode === "file" ? "file" : all.mode === "csv" ? "csv" : "json");
        whole.restore(all);
      } else {
        choose("fields");
        for (const one of fields) one.restore(own(inputs, one.name));
      }
    },
    refuse,
    /** Takes files that were dropped on the page. */
    take(files) {
      if (way === "file") whole.take(files);
      else {
        if (way !== "fields") choose("fields");
        const best = [...signature.inputs.keys()].sort(
          (a, b) => Number(signature.inputs[b].picture) - Number(signature.inputs[a].picture),
        );
        best.some((n) => fields[n].take(files));
      }
    },
    /** What has the files in it sent as base64 text; none where there are none that are not. */
    encoders: () => (way === "fields" ? fields.map((one) => one.encoder()).filter(Boolean) : []),
    movable: () => (way === "fields" ? fields.flatMap((one) => one.movable()) : []),
  };
}

function makeWhole(signature, changed, dropped) {
  const box = (label, start) =>
    h("textarea", {
      "aria-label": `All inputs as ${label}`,
      spellcheck: "false",
      autocomplete: "off",
      rows: Math.min(20, Math.max(6, start.split("\n").length + 1)),
      value: start,
      oninput: changed,
    });
  const names = signature.inputs.map((one) => one.name).join(",");
  const json = box("JSON", signature.sample ?? "");
  const csv = box("CSV", `${names}\n`);
  const zone = dropZone({
    name: "all inputs",
    changed: (files) => {
      changed();
      if (files.length) dropped();
    },
  });
  const about = {
    json: "A body of TF Serving\u2019s REST interface, or the inputs by name.",
    csv: "A line of names, then a row for each item: paste it from a spreadsheet as CSV.",
    file: ".json, .jsonl, .csv or .npz with all the inputs.",
  };
  const bodies = { json, csv, file: zone.element };
  const element = h("div.whole");
  let way = "json";
  return {
    element,
    show(chosen) {
      way = chosen;
      fill(element, h("p.quiet.small", {}, about[way]), bodies[way]);
    },
    async value() {
      if (way === "file") return { mode: "file", files: await packed(zone.files()) };
      return { mode: way, text: bodies[way].value };
    },
    restore(value) {
      if (value.mode === "file") zone.take(unpacked(value.files ?? []), true);
      else if (bodies[value.mode]) bodies[value.mode].value = value.text ?? "";
    },
    take: (files) => zone.take(files),
  };
}
