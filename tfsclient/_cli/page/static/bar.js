// The bar: server, model, version.

import { fill, fresh, h, versionOf } from "./dom.js";
import { themeButton } from "./theme.js";

/** Draws the bar; `open` is called once another model is chosen, and stands in `state`. */
export function drawBar(start, state, open) {
  const list = fresh("models");
  const targets = start.targets.length
    ? h(
        "select",
        {
          id: fresh("target"),
          onchange: (event) => {
            state.target = Number(event.target.value);
            open();
          },
        },
        start.targets.map((one, n) =>
          h("option", { value: n, selected: n === state.target }, one.target),
        ),
      )
    : null;
  const names = h(
    "datalist",
    { id: list },
    start.models.map((one) => h("option", { value: one })),
  );
  const model = h("input", {
    type: "text",
    name: "model",
    value: state.model,
    list,
    placeholder: "name of a model",
    spellcheck: "false",
    autocomplete: "off",
    "aria-label": "Model",
  });
  const version = h("input.version", {
    type: "text",
    name: "version",
    value: state.version ?? state.label ?? "",
    placeholder: "latest",
    spellcheck: "false",
    autocomplete: "off",
    "aria-label": "Version or label",
  });
  const choose = () => {
    const typed = version.value.trim();
    const number = versionOf(typed);
    const chosen = {
      model: model.value,
      version: number,
      label: number === null && typed ? typed : null,
    };
    if (["model", "version", "label"].every((key) => state[key] === chosen[key])) return;
    Object.assign(state, chosen);
    open();
  };
  model.addEventListener("change", choose);
  version.addEventListener("change", choose);
  fill(
    document.getElementById("bar"),
    h("h1", {}, h("img", { src: "icon.svg", alt: "", width: "22", height: "22" }), "tfsclient"),
    h(
      "form.where",
      {
        onsubmit: (event) => {
          event.preventDefault();
          choose();
        },
      },
      h("label", {}, h("span", {}, "Server"), targets),
      h("label", {}, h("span", {}, "Model"), model, names),
      h("label", {}, h("span", {}, "Version"), version),
      h("button.hidden", { type: "submit", tabindex: "-1" }, "Open"),
    ),
    themeButton(),
  );
}
