// The last calls.

import { saved, total } from "./answer.js";
import { button, failure, fill, h, milliseconds, wire } from "./dom.js";
import { get, save } from "./server.js";

/** The last calls: to be filled in again, and saved. */
export function callsPanel(page) {
  const list = h("div");
  const chosen = new Set();
  const warm = button("Save as warm-up file", (event) =>
    saved(event, save("warmup", null, { ids: [...chosen] })),
  );

  async function show() {
    let calls;
    try {
      ({ calls } = await get("calls"));
    } catch (error) {
      fill(list, failure(error));
      return;
    }
    chosen.clear();
    warm.disabled = true;
    if (!calls.length) {
      fill(list, h("p.quiet", {}, "No call yet."));
      return;
    }
    fill(
      list,
      h(
        "div.scroll",
        { tabindex: "0", role: "region", "aria-label": "Last calls" },
        h(
          "table.calls",
          {},
          h(
            "thead",
            {},
            h(
              "tr",
              {},
              h("th", {}, h("span.hidden", {}, "Choose")),
              ["When", "Model", "Time"].map((one) => h("th", { scope: "col" }, one)),
              h("th", {}, h("span.hidden", {}, "Do")),
            ),
          ),
          h("tbody", {}, calls.map(line)),
        ),
      ),
      h(
        "p.row",
        {},
        warm,
        h(
          "span.quiet.small",
          {},
          "of the chosen calls: tf_serving_warmup_requests, for assets.extra of the SavedModel.",
        ),
      ),
    );
  }

  function line(call) {
    const when = new Date(call.when * 1000);
    const at = call.version ?? call.label ?? call.answered;
    return h(
      "tr",
      {},
      h(
        "td",
        {},
        h("input", {
          type: "checkbox",
          "aria-label": `Choose the call of ${when.toLocaleTimeString()}`,
          onchange: (event) => {
            if (event.target.checked) chosen.add(call.id);
            else chosen.delete(call.id);
            warm.disabled = !chosen.size;
          },
        }),
      ),
      h("td", {}, when.toLocaleTimeString()),
      h(
        "td",
        {},
        wire(call.model),
        at === null ? "" : h("span.quiet", {}, ` ${at}`),
        h("br"),
        h("span.quiet.small", {}, wire(call.signature)),
      ),
      h("td", {}, milliseconds(total(call.seconds))),
      h(
        "td.row",
        {},
        call.again
          ? button("Again", async () => page.open((await get(`calls/${call.id}`)).form), {
              class: "plain",
            })
          : null,
        button("Test", (event) => saved(event, save(`calls/${call.id}/test.py`, "test_call.py")), {
          class: "plain",
          "aria-label": "Save as a test",
        }),
      ),
    );
  }
  return { element: h("div.panel", {}, list), show };
}
