// What stands beside the answer: the call as code, what-if, another version, the last calls.

import { saved, answer, total } from "./answer.js";
import { button, copy, digits, failure, fill, fresh, h, milliseconds, tell, wire } from "./dom.js";
import { chart } from "./draw.js";
import { get, post, save } from "./server.js";

const LANGUAGES = {
  python: "Python", curl: "curl", go: "Go", ts: "TypeScript", js: "JavaScript", java: "Java", rust: "Rust", openapi: "OpenAPI",
};
const BESIDE = { go: "Go", ts: "TypeScript", js: "JavaScript" };

/** The call as it stands in the form, in several languages; clients to download. */
export function codePanel(page) {
  const box = h("pre.code", { tabindex: "0", "aria-label": "The call as code" });
  const note = h("p.quiet.small");
  let language = localStorage.getItem("tfsclient-language") ?? "python";
  if (!page.start.code.includes(language)) language = "python";
  const chosen = h(
    "select",
    {
      id: fresh("language"),
      onchange: () => {
        language = chosen.value;
        localStorage.setItem("tfsclient-language", language);
        show();
      },
    },
    page.start.code.map((one) => h("option", { value: one, selected: one === language }, LANGUAGES[one] ?? one)),
  );
  const copying = button("Copy", async () => {
    await copy(box.textContent);
    tell("Copied");
  });
  let asked = 0;
  async function show() {
    const mine = ++asked;
    try {
      const { text } = await post("code", { ...(await page.request()), language });
      if (mine !== asked) return;
      fill(box, h("code", {}, text));
      fill(
        note,
        BESIDE[language]
          ? `It stands beside the generated client: download that below.`
          : "It runs as it is.",
      );
      copying.disabled = false;
    } catch (error) {
      if (mine !== asked) return;
      copying.disabled = true;
      fill(note);
      fill(box, failure(error));
    }
  }
  const zips = h(
    "div.zips",
    {},
    h("h3", {}, "Generated clients"),
    h("p.quiet.small", {}, "A typed client of this model, with a method for each signature."),
    h(
      "p.row",
      {},
      page.start.clients.map((one) =>
        button(LANGUAGES[one] ?? one, (event) =>
          saved(event, save("zip", null, { ...page.ref(), language: one })), {
          class: "plain",
          "aria-label": `Download the ${LANGUAGES[one] ?? one} client`,
        }),
      ),
    ),
  );
  return {
    element: h(
      "div.panel",
      {},
      h("div.row.spread", {}, h("label.inline", {}, "Language ", chosen), copying),
      box,
      note,
      zips,
    ),
    show,
  };
}

/** One value moved, and the outputs with it. */
export function whatIfPanel(page) {
  const what = h("select", { id: fresh("what"), onchange: () => guess() });
  const [from, to, steps] = ["From", "To", "Steps"].map((label, n) =>
    h("input.size", { type: "number", step: n === 2 ? "1" : "any", "aria-label": label, value: n === 2 ? "21" : "" }),
  );
  const out = h("div");
  const run = button("Run", go, { class: "primary" });
  const none = h("p.quiet", {}, "No number in the form can be moved: give the inputs as values, features or JSON.");
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
    fill(what, movable.map((one, n) => h("option", { value: n, selected: one.label === before }, one.label)));
    if (movable[Number(what.value)]?.label !== before) guess();
  }

  async function go() {
    const one = movable[Number(what.value)];
    const change = { ...one.change, from: Number(from.value), to: Number(to.value), steps: Number(steps.value) };
    run.disabled = true;
    fill(out, h("p.quiet", {}, "Calling\u2026"));
    try {
      const swept = await post("sweep", { ...(await page.request()), change });
      fill(out, result(one, swept));
    } catch (error) {
      if (error.fields) page.form.refuse(error.fields);
      fill(out, failure(error));
    } finally {
      run.disabled = false;
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
      labelled.forEach((line, i) => fill(names[i], line.y[n] === null ? "not finite" : digits(line.y[n])));
      drawn.at(n);
    };
    const nearest = x.reduce((best, v, n) => (Math.abs(v - one.now) < Math.abs(x[best] - one.now) ? n : best), 0);
    const slider = h("input", {
      type: "range", min: "0", max: String(x.length - 1), step: "1", value: String(nearest),
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
        labelled.map((line, n) => h("li", {}, h(`span.swatch.series-${n % 8}`, { "aria-hidden": "true" }), wire(line.label), names[n])),
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
            h("thead", {}, h("tr", {}, h("th", { scope: "col" }, wire(one.label)), labelled.map((line) => h("th", { scope: "col" }, wire(line.label))))),
            h("tbody", {}, x.map((v, n) => h("tr", {}, h("th", { scope: "row" }, digits(v)), labelled.map((line) => h("td", {}, line.y[n] === null ? "" : digits(line.y[n])))))),
          ),
        ),
      ),
    );
  }

  return { element: h("div.panel", {}, none, controls, out), show };
}

/** The same inputs to another version, label or server. */
export function comparePanel(page) {
  const target = h(
    "select",
    {},
    page.start.targets.map((one, n) => h("option", { value: n }, one.target)),
  );
  const name = h("input", { type: "text", spellcheck: "false", autocomplete: "off" });
  const which = h("input", { type: "text", spellcheck: "false", autocomplete: "off", placeholder: "latest" });
  const out = h("div");
  const run = button("Call both", go, { class: "primary" });

  function show() {
    if (!name.value) name.value = page.state.model;
    target.closest("label").hidden = page.start.targets.length < 2;
  }

  async function go() {
    const request = await page.request();
    const typed = which.value.trim();
    const version = /^\d+$/.test(typed) ? Number(typed) : null;
    const other = {
      ...request,
      target: Number(target.value),
      model: name.value.trim(),
      version,
      label: version === null && typed ? typed : null,
    };
    run.disabled = true;
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
            h("div", {}, h("h3", {}, n ? called(other) : called(request)), answer(one, page.start.files)),
          ),
        ),
      );
    } catch (error) {
      if (error.fields) page.form.refuse(error.fields);
      fill(out, failure(error));
    } finally {
      run.disabled = false;
    }
  }

  function called({ model, version, label, target: number }) {
    const at = version !== null && version !== undefined ? `version ${version}` : label ? `label ${label}` : "latest";
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
      h("thead", {}, h("tr", {}, ["Output", "Largest difference", "Same class"].map((one) => h("th", { scope: "col" }, one)))),
      h(
        "tbody",
        {},
        outputs.map((one) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, wire(one.name)),
            h("td", {}, one.why ?? (one.same ? h("span.badge.good", {}, "equal") : digits(one.difference))),
            h("td", {}, one.argmax === undefined ? "" : `${(one.argmax * 100).toFixed(1)} %`),
          ),
        ),
      ),
    ),
  );
}

/** The last calls: to be filled in again, and saved. */
export function callsPanel(page) {
  const list = h("div");
  const chosen = new Set();
  const warm = button("Save as warm-up file", (event) => saved(event, save("warmup", null, { ids: [...chosen] })));

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
          h("thead", {}, h("tr", {}, h("th", {}, h("span.hidden", {}, "Choose")), ["When", "Model", "Time"].map((one) => h("th", { scope: "col" }, one)), h("th", {}, h("span.hidden", {}, "Do")))),
          h("tbody", {}, calls.map(line)),
        ),
      ),
      h("p.row", {}, warm, h("span.quiet.small", {}, "of the chosen calls: tf_serving_warmup_requests, for assets.extra of the SavedModel.")),
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
      h("td", {}, wire(call.model), at === null ? "" : h("span.quiet", {}, ` ${at}`), h("br"), h("span.quiet.small", {}, wire(call.signature))),
      h("td", {}, milliseconds(total(call.seconds))),
      h(
        "td.row",
        {},
        call.again
          ? button("Again", async () => page.open((await get(`calls/${call.id}`)).form), { class: "plain" })
          : null,
        button("Test", (event) => saved(event, save(`calls/${call.id}/test.py`, "test_call.py")), { class: "plain", "aria-label": "Save as a test" }),
      ),
    );
  }
  return { element: h("div.panel", {}, list), show };
}
