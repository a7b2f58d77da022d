// A field as cells: a text for each element, into which a spreadsheet's can be pasted.

import { button, fill, h } from "./dom.js";

/** The cells of an input. */
export function cells(input, changed) {
  const open = !input.shape.length ? false : input.shape[0] === -1;
  const start = input.shape.length === 1 && !open ? input.shape[0] : 1;
  const columns = input.shape.length === 1 && !open ? 1 : input.columns;
  const count = input.shape.length === 2 && !open ? input.shape[0] : start;
  const initial = { float: "0", int: "1", bool: "false", string: "" }[input.kind];
  const grid = h("div.cells");
  const rows = [];
  const add = () => rows.push(Array.from({ length: columns }, () => initial));
  for (let i = 0; i < count; i++) add();

  function cell(row, column) {
    const label = `${input.name}, row ${row + 1}${columns > 1 ? `, column ${column}` : ""}`;
    if (input.kind === "bool") {
      return h("input", {
        type: "checkbox",
        checked: rows[row][column] === "true",
        "aria-label": label,
        onchange: (event) => {
          rows[row][column] = String(event.target.checked);
          changed();
        },
      });
    }
    return h("input", {
      type: "text",
      value: rows[row][column],
      inputmode: input.kind === "string" ? "text" : "decimal",
      spellcheck: "false",
      autocomplete: "off",
      "aria-label": label,
      oninput: (event) => {
        rows[row][column] = event.target.value;
        changed();
      },
      onpaste: (event) => paste(event, row, column),
    });
  }

  function paste(event, row, column) {
    const given = event.clipboardData?.getData("text") ?? "";
    if (!/[\t\n,;]/.test(given.trim()) || (input.kind === "string" && !/[\t\n]/.test(given.trim())))
      return;
    event.preventDefault();
    const lines = given.trim().split(/\r?\n/);
    const split = lines.some((line) => line.includes("\t")) ? "\t" : /[,;]/;
    let table = lines.map((line) => line.split(split).map((one) => one.trim()));
    if (columns === 1) table = table.flat().map((one) => [one]);
    for (const [down, line] of table.entries()) {
      if (row + down >= rows.length) {
        if (!open) break;
        add();
      }
      for (const [right, one] of line.entries()) {
        if (column + right < columns) rows[row + down][column + right] = one;
      }
    }
    show();
    changed();
  }

  function show() {
    fill(
      grid,
      rows.map((row, number) =>
        h(
          "div.line",
          {},
          h(
            columns > 1 ? "div.values" : "div.values.one",
            {},
            row.map((_, column) =>
              columns > 1
                ? h(
                    "div.cell",
                    {},
                    h("span", { "aria-hidden": "true" }, column),
                    cell(number, column),
                  )
                : cell(number, column),
            ),
          ),
          open && rows.length > 1
            ? button(
                "\u00d7",
                () => {
                  rows.splice(number, 1);
                  show();
                  changed();
                },
                {
                  class: "plain remove",
                  "aria-label": `Remove row ${number + 1}`,
                },
              )
            : null,
        ),
      ),
      open
        ? button(
            "Add a row",
            () => {
              add();
              show();
              changed();
            },
            { class: "plain" },
          )
        : null,
    );
  }
  show();
  return {
    element: grid,
    value: () => ({ rows: rows.map((row) => [...row]) }),
    restore(value) {
      if (!Array.isArray(value.rows)) return;
      rows.splice(0, rows.length, ...value.rows.map((row) => [...row]));
      show();
    },
    movable() {
      if (input.kind !== "float" && input.kind !== "int") return [];
      return rows.flatMap((row, r) =>
        row.map((one, c) => ({
          label:
            rows.length * columns === 1
              ? input.name
              : `${input.name} [${[r, c].slice(0, Math.max(1, input.shape.length)).join(", ")}]`,
          change: {
            input: input.name,
            index: input.shape.length === 2 ? [r, c] : input.shape.length ? [r] : [],
          },
          now: Number(one),
          whole: input.kind === "int",
        })),
      );
    },
  };
}
