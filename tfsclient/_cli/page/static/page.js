// The page: which model is called, its form, and what becomes of a call.

import { answer } from "./answer.js";
import { drawBar } from "./bar.js";
import { button, copy, failure, fill, fresh, h, later, size, tabs, tell, wire } from "./dom.js";
import { anywhere } from "./files.js";
import { keeping } from "./focus.js";
import { makeForm } from "./form.js";
import { callsPanel } from "./calls.js";
import { codePanel } from "./code.js";
import { comparePanel } from "./compare.js";
import { whatIfPanel } from "./whatif.js";
import { callIn, linkOf } from "./link.js";
import { adopt, get, post } from "./server.js";
import { statusOf, unusable, welcome } from "./views.js";

const MOST_CHECKED = 200_000; // characters of a form that is checked while it is typed

const page = {
  start: null,
  state: { target: 0, model: "", version: null, label: null, signature: null },
  form: null,
  forms: new Map(), // what was typed, by model and signature

  /** Which model is called. */
  ref() {
    const { target, model, version, label } = page.state;
    return { target, model, version, label };
  },

  /** The call that stands in the form. */
  async request() {
    const value = page.form ? await page.form.value() : { inputs: {}, whole: null };
    return { ...page.ref(), signature: page.state.signature, ...value };
  },

  /** Shows a call that was made before, or that a link holds. */
  async open({ target = 0, model, version = null, label = null, signature, inputs, whole }) {
    Object.assign(page.state, { target, model, version, label, signature });
    showBar();
    page.forms.clear();
    page.form = null; // nor is what stands in the form kept
    await loadModel();
    try {
      page.form?.restore({ inputs, whole });
    } catch {
      tell("What the link holds does not fit the form");
    }
    changed();
  },
};

const main = document.getElementById("main");

/** Shows this instead of what is there; its heading takes the keyboard from what is gone. */
function view(...children) {
  const focused = main.contains(document.activeElement);
  if (focused) document.activeElement.blur();
  fill(main, children);
  const heading = main.querySelector("h2");
  if (!focused || !heading) return;
  heading.tabIndex = -1;
  heading.focus({ preventScroll: true });
}

/** Calls another model, or another version of it. */
function choose(chosen) {
  Object.assign(page.state, chosen);
  showBar();
  loadModel();
}

const chooseVersion = (version) => choose({ version, label: null });

const showBar = () => drawBar(page.start, page.state, loadModel);

// A model.

let loading = 0;

async function loadModel() {
  const { state, start } = page;
  const mine = ++loading;
  cancel?.abort();
  await leave();
  remember();
  if (!state.model) {
    document.title = "tfsclient";
    view(welcome(start, state.target, (model) => choose({ model, signature: null })));
    return;
  }
  document.title = `${state.model} \u2013 tfsclient`;
  if (!main.querySelector(".model")) {
    view(h("h2", {}, wire(state.model)), h("p.quiet", {}, "Asking the server\u2026"));
  }
  const versions = post("status", page.ref()).catch((error) => ({ error }));
  let described;
  try {
    described = await post("model", page.ref());
  } catch (error) {
    if (mine !== loading) return;
    view(
      h(
        "div.model",
        {},
        h("div.about", {}, h("h2", {}, wire(state.model))),
        failure(error),
        h("p", {}, button("Try again", loadModel, { class: "primary" })),
        statusOf(await versions, chooseVersion),
      ),
    );
    return;
  }
  if (mine !== loading) return;
  const usable = described.signatures.filter((one) => !one.unusable);
  const names = usable.map((one) => one.name);
  if (!names.includes(state.signature)) state.signature = described.default ?? names[0] ?? null;
  showModel(described, versions);
  remember();
  if (!start.models.includes(state.model)) start.models.push(state.model);
}

function showModel(described, versions) {
  const { state } = page;
  const holder = h("div.states", {}, h("span.quiet", {}, "\u2026"));
  const refresh = async (asked) => fill(holder, statusOf(await asked, chooseVersion), again);
  const again = button(
    "Refresh",
    () => refresh(post("status", page.ref()).catch((error) => ({ error }))),
    { class: "plain" },
  );
  refresh(versions);
  const form = h("section.inputs", { id: "form", "aria-label": "Inputs" });
  const result = h("section.result", { "aria-label": "Result" });
  const signatures = described.signatures;
  const chosen = () => signatures.find((one) => one.name === state.signature);
  const names = h(
    "select",
    {
      id: fresh("signature"),
      onchange: async () => {
        await leave();
        state.signature = names.value;
        showCall(chosen(), form, result);
        remember();
      },
    },
    signatures.map((one) =>
      h(
        "option",
        {
          value: one.name,
          selected: one.name === state.signature,
          disabled: Boolean(one.unusable),
        },
        one.name || "\u201c\u201d",
      ),
    ),
  );
  view(
    h(
      "div.model",
      {},
      h(
        "div.about",
        {},
        h("h2", {}, wire(described.model)),
        described.version === null
          ? null
          : h("span.quiet", {}, `signatures of version ${described.version}`),
        holder,
      ),
      signatures.length
        ? [
            h(
              "label.signature",
              {},
              h("span", {}, "Signature "),
              signatures.length > 1 ? names : h("strong", {}, wire(state.signature ?? "")),
            ),
            h("div.columns", {}, form, result),
            unusable(signatures),
          ]
        : failure({
            code: null,
            details:
              "The model was exported without signatures, and TF Serving calls nothing else.",
          }),
    ),
  );
  if (chosen()) showCall(chosen(), form, result);
}

// A call.

const key = () => JSON.stringify([page.state.target, page.state.model, page.state.signature]);

/** Leaves the form; what was typed is kept, and calls nothing until there is another. */
async function leave() {
  const { form, formKey } = page;
  page.form = null;
  if (form) page.forms.set(formKey, await form.value());
}

let cancel = null;

function showCall(signature, holder, result) {
  cancel?.abort();
  const rest = page.start.targets[page.state.target]?.target.startsWith("http");
  page.form = makeForm(signature, {
    changed,
    dropped: () => {
      if (signature.inputs.length === 1) predict();
    },
  });
  page.formKey = key();
  const before = page.forms.get(page.formKey);
  if (before) page.form.restore(before);
  const verb = { predict: "Predict", classify: "Classify", regress: "Regress" }[signature.kind];
  const go = button(verb, () => predict(), {
    class: "primary",
    "aria-keyshortcuts": "Control+Enter",
  });
  const stop = button("Cancel", () => cancel?.abort(), { hidden: true });
  const out = h(
    "div.out",
    { "aria-live": "polite" },
    h("p.quiet.empty", {}, "The answer will be here."),
  );
  const panels = {
    code: codePanel(page),
    whatif: whatIfPanel(page),
    compare: comparePanel(page),
    calls: callsPanel(page),
  };
  const shown = tabs(
    "Result",
    [
      ["answer", "Answer", out],
      ["code", "Code", panels.code.element],
      ["whatif", "What if", panels.whatif.element],
      ["compare", "Compare", panels.compare.element],
      ["calls", "Calls", panels.calls.element],
    ],
    { onshow: (one) => panels[one]?.show() },
  );
  fill(
    holder,
    signature.examples.length
      ? h(
          "p.row",
          {},
          h("span.quiet", {}, "Examples"),
          signature.examples.map((one) =>
            button(
              wire(one.name),
              () => {
                page.form.restore(one);
                predict();
              },
              { class: "chip" },
            ),
          ),
        )
      : null,
    signature.not_over_rest && rest
      ? failure({
          code: null,
          details: `Not over REST: ${signature.not_over_rest}.`,
          hint: "Choose a gRPC target.",
        })
      : null,
    page.form.element,
    h(
      "div.actions",
      {},
      go,
      stop,
      button(
        "Start over",
        () => {
          page.forms.delete(page.formKey);
          page.form = null;
          showCall(signature, holder, result);
          changed();
        },
        { class: "plain" },
      ),
      button("Copy link", copyLink, { class: "plain" }),
    ),
  );
  fill(result, shown.element);

  page.predict = async () => {
    cancel?.abort(); // the newer call is the one that is wanted
    const mine = new AbortController();
    cancel = mine;
    const form = page.form; // by the time of the answer another may be seen
    shown.show("answer");
    stop.hidden = false;
    out.setAttribute("aria-busy", "true");
    const started = performance.now();
    const clock = h("span");
    const tick = () => fill(clock, `${((performance.now() - started) / 1000).toFixed(1)} s`);
    const timer = setInterval(tick, 100);
    const waiting = setTimeout(
      () => fill(out, h("p.quiet.empty", {}, "Waiting for the server, ", clock)),
      150,
    );
    try {
      const request = await page.request();
      const done = await post("call", request, { signal: mine.signal });
      clearTimeout(waiting);
      if (cancel !== mine) return;
      form?.refuse(null);
      fill(out, answer(done, page.start.files));
    } catch (error) {
      clearTimeout(waiting);
      if (cancel !== mine) return;
      if (error.name === "AbortError") fill(out, h("p.quiet.empty", {}, "Cancelled."));
      else if (error.fields) {
        form?.refuse(error.fields);
        fill(out, h("p.quiet.empty", {}, "Nothing was sent: see the form."));
        holder.querySelector("[aria-invalid]")?.focus();
      } else {
        fill(out, failure(error));
        const encoders = form?.encoders() ?? [];
        if (encoders.length && /base64/i.test(error.details)) out.append(encoding(encoders));
      }
    } finally {
      clearInterval(timer);
      clearTimeout(waiting);
      if (cancel === mine) {
        cancel = null;
        keeping(holder, () => (stop.hidden = true));
        out.removeAttribute("aria-busy");
      }
    }
  };
  page.after = () => panels[shown.key]?.show?.();
  page.shown = shown;
}

const predict = () => page.form && page.predict();

/** Offers what a model wants that decodes base64 itself, where no SavedModel told so before. */
const encoding = (encoders) =>
  h(
    "p.row",
    {},
    "If the model takes files as base64 text: ",
    button("Send it so", () => {
      for (const encode of encoders) encode();
      predict();
    }),
  );

/** About how many characters a request is, without writing it. */
const check = later(400, async () => {
  const form = page.form;
  if (!form) return;
  const request = await page.request();
  if (!page.state.signature || size(request) > MOST_CHECKED) return;
  try {
    await post("check", request);
    if (form === page.form) form.refuse(null);
  } catch (error) {
    // A server that is away is told when it is called.
    if (form === page.form && error.fields) form.refuse(error.fields);
  }
});

const refreshPanel = later(300, () => {
  if (page.form && ["code", "whatif"].includes(page.shown.key)) page.after?.();
});

function changed() {
  check();
  remember();
  refreshPanel();
}

const linked = async () => linkOf(await page.request(), page.start.targets);

const remember = later(200, async () => {
  if (!page.state.model) return;
  history.replaceState(null, "", location.pathname + (await linked()));
});

async function copyLink() {
  const hash = await linked();
  await copy(`${location.origin}${location.pathname}${hash}`);
  tell(
    hash.includes("inputs")
      ? "The link holds what stands in the form"
      : "Copied without the inputs, which are too large for a link",
  );
}

const fromLink = () => callIn(location.hash, page.start.targets);

function askForToken() {
  const typed = h("input", {
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "Address",
  });
  view(
    h(
      "form.welcome",
      {
        onsubmit: (event) => {
          event.preventDefault();
          if (adopt(typed.value)) begin();
        },
      },
      h("h2", {}, "The address has changed"),
      h("p", {}, "Paste the address that the command printed; it ends in ?token=\u2026"),
      h("p.row", {}, typed, h("button.primary", { type: "submit" }, "Open")),
    ),
  );
}

async function begin() {
  try {
    page.start = await get("start");
  } catch (error) {
    if (/token/.test(error.details)) askForToken();
    else view(failure(error), h("p", {}, button("Try again", begin, { class: "primary" })));
    return;
  }
  const call = fromLink();
  showBar();
  if (call) await page.open(call);
  else {
    if (page.start.models.length === 1) page.state.model = page.start.models[0];
    showBar();
    await loadModel();
  }
}

addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    event.preventDefault();
    predict();
  } else if (event.key === "Escape") cancel?.abort();
});
anywhere((files) => page.form?.take(files));
addEventListener("hashchange", () => {
  const call = fromLink();
  if (call) page.open(call);
  else remember(); // such as by the link to the form
});
begin();
