// What the page says of models: their names, versions and signatures.

import { button, h, wire } from "./dom.js";

/** What is seen before a model is chosen; `choose` is told which. */
export function welcome({ models, targets }, target, choose) {
  return h(
    "div.welcome",
    {},
    h("h2", {}, "Try a model"),
    models.length
      ? h("p", {}, "Choose one:")
      : h(
          "p",
          {},
          "TensorFlow Serving does not say which models it has: type the name of one of ",
          h("strong", {}, targets[target]?.target),
          " above.",
        ),
    h(
      "ul.models",
      {},
      models.map((one) =>
        h(
          "li",
          {},
          button(wire(one), () => choose(one), { class: "card" }),
        ),
      ),
    ),
  );
}

/** The versions and their states; `choose` is told which is to be called. */
export function statusOf({ versions, error }, choose) {
  if (error)
    return h("p.quiet.small", {}, `The states of its versions cannot be had: ${error.details}`);
  return h(
    "ul.versions",
    { "aria-label": "Versions" },
    versions.map((one) => {
      const which = one.version === null ? "its only version" : `version ${one.version}`;
      const label = [h("strong", {}, one.version ?? "model"), ` ${one.state.toLowerCase()}`];
      const told = one.error_message ? h("span.wrong", {}, ` ${one.error_message}`) : null;
      const chip = one.state === "AVAILABLE" ? "good" : one.error_message ? "bad" : "waiting";
      return h(
        "li",
        {},
        button(label, () => choose(one.version), {
          class: `chip ${chip}`,
          title: `Call ${which}`,
        }),
        told,
      );
    }),
  );
}

/** The signatures that cannot be called, and why. */
export function unusable(signatures) {
  const gone = signatures.filter((one) => one.unusable);
  if (!gone.length) return null;
  return h(
    "details.quiet",
    {},
    h("summary", {}, "Signatures that cannot be called"),
    h(
      "ul",
      {},
      gone.map((one) => h("li", {}, wire(one.name), `: ${one.unusable}`)),
    ),
  );
}
