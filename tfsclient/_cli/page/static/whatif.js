// What if: one value moved, and the outputs with it.

import { button, digits, failure, fill, fresh, h, wire } from "./dom.js";
import { chart } from "./draw.js";
import { busy, isBusy } from "./focus.js";
import { post } from "./server.js";

/** One value moved, and the outputs with it. */
export function whatIfPanel(page) {
  const what = h("select", { id: fresh("what"), onchange: () => guess() });
  const [from, to, steps] = ["From", "To", "Steps"].map((label, n) =>
    h("input.size", {
      type: "number",
      step: n === 2 ? "1" : "any",
      "aria-label": label,
      value: n === 2 ? "21" : "",
    }),
  );
  const out = h("div");
  const run = button("Run", go, { class: "primary" });
  const none = h(
    "p.quiet",
    {},
    "No number in the form can be moved: give the inputs as values, features or JSON.",
  );
  const controls = h(
    "div.whatif",
    {},
    h("label.stack", {}, "What changes", what),
    h("label.stack", {}, "From", from),
    h("label.stack", {}, "To", to),
    h("label.stack", {}, "Steps", steps),
    run,
  );
  let movable = [];

  function guess() {
    const one = movable[Number(what.value)];
    if (!one) return;
    const reach = Math.max(1, Math.abs(one.now));
    from.value = String(one.now - reach);
    to.value = String(one.now + reach);
  }

  function show() {
    const before = movable[Number(what.value)]?.label;
    movable = page.form.movable();
    controls.hidden = !movable.length;
    none.hidden = Boolean(movable.length);
    fill(
      what,
      movable.map((one, n) => h("option", { value: n, selected: one.label === before }, one.label)),
    );
    if (movable[Number(what.value)]?.label !== before) guess();
  }

  async function go() {
    if (isBusy(run) || !page.form) return;
    const one = movable[Number(what.value)];
    const change = {
      ...one.change,
      from: Number(from.value),
      to: Number(to.value),
      steps: Number(steps.value),
    };
    busy(run, true);
    fill(out, h("p.quiet", {}, "Calling\u2026"));
    try {
      const swept = await post("sweep", { ...(await page.request()), change });
      fill(out, result(one, swept));
    } catch (error) {
      if (error.fields) page.form.refuse(error.fields);
      fill(out, failure(error));
    } finally {
      busy(run, false);
    }
  }

  function result(one, { x, lines }) {
    const labelled = lines.map((line) => ({
      ...line,
      label: line.index.length ? `${line.output} [${line.index.join(", ")}]` : line.output,
    }));
    const drawn = chart({ x, lines: labelled, now: one.now });
    const names = labelled.map(() => h("span.score"));
    const place = h("output");
    const move = (n) => {
      fill(place, digits(x[n]));
      labelled.forEach((line, i) =>
        fill(names[i], line.y[n] === null ? "not finite" : digits(line.y[n])),
      );
      drawn.at(n);
    };
    const nearest = x.reduce(
      (best, v, n) => (Math.abs(v - one.now) < Math.abs(x[best] - one.now) ? n : best),
      0,
    );
    const slider = h("input", {
      type: "range",
      min: "0",
      max: String(x.length - 1),
      step: "1",
      value: String(nearest),
      "aria-label": `Value of ${one.label}`,
      oninput: (event) => move(Number(event.target.value)),
    });
    move(nearest);
    return h(
      "div",
      {},
      drawn.element,
      h("label.slide", {}, wire(one.label), slider, place),
      h(
        "ul.key",
        {},
        labelled.map((line, n) =>
          h(
            "li",
            {},
            h(`span.swatch.series-${n % 8}`, { "aria-hidden": "true" }),
            wire(line.label),
            names[n],
          ),
        ),
      ),
      h(
        "details",
        {},
        h("summary", {}, "The numbers"),
        h(
          "div.scroll",
          { tabindex: "0", role: "region", "aria-label": "The numbers" },
          h(
            "table",
            {},
            h(
              "thead",
              {},
              h(
                "tr",
                {},
                h("th", { scope: "col" }, wire(one.label)),
                labelled.map((line) => h("th", { scope: "col" }, wire(line.label))),
              ),
            ),
            h(
              "tbody",
              {},
              x.map((v, n) =>
                h(
                  "tr",
                  {},
                  h("th", { scope: "row" }, digits(v)),
                  labelled.map((line) => h("td", {}, line.y[n] === null ? "" : digits(line.y[n]))),
                ),
              ),
            ),
          ),
        ),
      ),
    );
  }

  return { element: h("div.panel", {}, none, controls, out), show };
}
