// A field of tf.Examples: a text for each feature that the SavedModel tells.

import { button, fill, fresh, h, wire } from "./dom.js";
import { packed } from "./files.js";

/** The features of an input's Examples. */
export function features(input, changed) {
  const rows = [];
  const list = h("div.examples");
  const start = () =>
    Object.fromEntries(input.features.map((one) => [one.name, one.required ? one.sample : null]));
  rows.push(start());

  function line(feature, row, number) {
    const id = fresh("feature");
    const value = rows[number][feature.name];
    const picture = feature.picture;
    const control = picture
      ? h("input", {
          type: "file",
          id,
          onchange: async (event) => {
            rows[number][feature.name] = (await packed([...event.target.files]))[0] ?? null;
            changed();
          },
        })
      : h("input", {
          type: "text",
          id,
          value: typeof value === "string" ? value : "",
          placeholder: feature.required ? "" : "left out",
          inputmode: feature.kind === "string" ? "text" : "decimal",
          spellcheck: "false",
          autocomplete: "off",
          oninput: (event) => {
            const typed = event.target.value;
            rows[number][feature.name] = typed === "" && !feature.required ? null : typed;
            changed();
          },
        });
    return h(
      "div.feature",
      {},
      h("label", { for: id }, wire(feature.name), " ", h("span.type", {}, feature.text)),
      control,
    );
  }

  function show() {
    fill(
      list,
      rows.map((row, number) =>
        h(
          "div.example",
          { role: "group", "aria-label": `Example ${number + 1}` },
          rows.length > 1
            ? h(
                "div.title",
                {},
                h("span.quiet", {}, `Example ${number + 1}`),
                button(
                  "Remove",
                  () => {
                    rows.splice(number, 1);
                    show();
                    changed();
                  },
                  {
                    class: "plain",
                    "aria-label": `Remove Example ${number + 1}`,
                  },
                ),
              )
            : null,
          input.features.map((one) => line(one, row, number)),
        ),
      ),
      button(
        "Add an Example",
        () => {
          rows.push({ ...rows[rows.length - 1] });
          show();
          changed();
        },
        {
          class: "plain",
        },
      ),
    );
  }
  show();
  return {
    element: list,
    value: () => ({ rows: rows.map((row) => ({ ...row })) }),
    restore(value) {
      if (!Array.isArray(value.rows)) return;
      rows.splice(0, rows.length, ...value.rows.map((row) => ({ ...start(), ...row })));
      show();
    },
    movable: () =>
      rows.flatMap((row, number) =>
        input.features
          .filter((one) => one.kind !== "string" && one.single)
          .map((one) => ({
            label: rows.length > 1 ? `${one.name} of Example ${number + 1}` : one.name,
            change: { input: input.name, row: number, feature: one.name },
            now: Number(row[one.name] ?? 0),
            whole: one.kind === "int",
          })),
      ),
  };
}
