// The call as code, and clients to download.

import { saved } from "./answer.js";
import { button, copy, failure, fill, fresh, h, tell } from "./dom.js";
import { post, save } from "./server.js";

const LANGUAGES = {
  python: "Python",
  curl: "curl",
  go: "Go",
  ts: "TypeScript",
  js: "JavaScript",
  java: "Java",
  rust: "Rust",
  openapi: "OpenAPI",
};
const BESIDE = { go: "Go", ts: "TypeScript", js: "JavaScript", java: "Java" };

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
    page.start.code.map((one) =>
      h("option", { value: one, selected: one === language }, LANGUAGES[one] ?? one),
    ),
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
        button(
          LANGUAGES[one] ?? one,
          (event) => saved(event, save("zip", null, { ...page.ref(), language: one })),
          {
            class: "plain",
            "aria-label": `Download the ${LANGUAGES[one] ?? one} client`,
          },
        ),
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
