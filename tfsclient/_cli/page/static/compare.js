// The same inputs to another version, label, model or server.

import { answer } from "./answer.js";
import { button, digits, failure, fill, h, versionOf, wire } from "./dom.js";
import { busy, isBusy } from "./focus.js";
import { post } from "./server.js";

/** The same inputs to another version, label or server. */
export function comparePanel(page) {
  const target = h(
    "select",
    {},
    page.start.targets.map((one, n) => h("option", { value: n, selected: n === page.state.target }, one.target)),
  );
  const name = h("input", { type: "text", spellcheck: "false", autocomplete: "off" });
  const which = h("input", {
    type: "text",
    spellcheck: "false",
    autocomplete: "off",
    placeholder: "latest",
  });
  const out = h("div");
  const run = button("Call both", go, { class: "primary" });

  function show() {
    if (!name.value) name.value = page.state.model;
    target.closest("label").hidden = page.start.targets.length < 2;
  }

  async function go() {
    if (isBusy(run) || !page.form) return;
    const request = await page.request();
    const typed = which.value.trim();
    const version = versionOf(typed);
    const other = {
      ...request,
      target: Number(target.value),
      model: name.value.trim(),
      version,
      label: version === null && typed ? typed : null,
    };
    busy(run, true);
    fill(out, h("p.quiet", {}, "Calling both\u2026"));
    try {
      const [left, right] = await Promise.all([post("call", request), post("call", other)]);
      const { outputs } = await post("compare", { left: left.id, right: right.id });
      fill(
        out,
        difference(outputs),
        h(
          "div.beside",
          {},
          [left, right].map((one, n) =>
            h(
              "div",
              {},
              h("h3", {}, n ? called(other) : called(request)),
              answer(one, page.start.files),
            ),
          ),
        ),
      );
    } catch (error) {
      if (error.fields) page.form.refuse(error.fields);
      fill(out, failure(error));
    } finally {
      busy(run, false);
    }
  }

  function called({ model, version, label, target: number }) {
    const at =
      version !== null && version !== undefined
        ? `version ${version}`
        : label
          ? `label ${label}`
          : "latest";
    const where = page.start.targets.length > 1 ? ` on ${page.start.targets[number].target}` : "";
    return wire(`${model}, ${at}${where}`);
  }

  return {
    element: h(
      "div.panel",
      {},
      h("p.quiet", {}, "The inputs in the form are sent to what is chosen above, and to:"),
      h(
        "div.whatif",
        {},
        h("label.stack", {}, "Server", target),
        h("label.stack", {}, "Model", name),
        h("label.stack", {}, "Version or label", which),
        run,
      ),
      out,
    ),
    show,
  };
}

function difference(outputs) {
  return h(
    "div.scroll",
    { tabindex: "0", role: "region", "aria-label": "Differences" },
    h(
      "table.differences",
      {},
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ["Output", "Largest difference", "Same class"].map((one) =>
            h("th", { scope: "col" }, one),
          ),
        ),
      ),
      h(
        "tbody",
        {},
        outputs.map((one) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, wire(one.name)),
            h(
              "td",
              {},
              one.why ?? (one.same ? h("span.badge.good", {}, "equal") : digits(one.difference)),
            ),
            h("td", {}, one.argmax === undefined ? "" : `${(one.argmax * 100).toFixed(1)} %`),
          ),
        ),
      ),
    ),
  );
}
