// An answer: each output as what it seems to be, and as it came.

import {
  button,
  bytes,
  digits,
  failure,
  fill,
  h,
  milliseconds,
  plural,
  segmented,
  wire,
} from "./dom.js";
import { legend, range, raster } from "./draw.js";
import { keeping } from "./focus.js";
import { floats, get, save } from "./server.js";

const ROWS = 50; // of a table that are shown at first
const COLUMNS = 32;
const BARS = 10;
const PARTS = { read: "Read", encode: "Encode", wire: "Wire", decode: "Decode" };

/** An answer. */
export function answer(done, files) {
  const labels = done.pairs ? done.outputs.find((one) => one.name === "classes") : null;
  return h(
    "div.answer",
    {},
    h(
      "p.facts",
      {},
      h("span.badge.good", {}, "Answered"),
      done.answered === null ? null : h("span", {}, "by version ", h("strong", {}, done.answered)),
      h("span", {}, "in ", h("strong", {}, milliseconds(total(done.seconds)))),
      h("span.quiet", {}, `${bytes(done.sent)} sent, ${bytes(done.received)} received`),
    ),
    timing(done.seconds),
    done.outputs
      .map((output, number) => [output, number])
      .filter(([output]) => output !== labels)
      .map(([output, number]) => card(done, output, number, labels)),
    h(
      "p.downloads",
      {},
      h("span.quiet", {}, "Download"),
      files.map((kind) =>
        button(
          `.${kind}`,
          (event) => saved(event, save(`calls/${done.id}/answer.${kind}`, `answer.${kind}`)),
          {
            class: "plain",
          },
        ),
      ),
    ),
  );
}

/** Shows beside a button why its file cannot be had. */
export async function saved(event, saving) {
  const after = event.target.closest("p, div");
  after.querySelector(":scope > .failure")?.remove();
  try {
    await saving;
  } catch (error) {
    after.append(failure(error));
  }
}

export const total = (seconds) => Object.values(seconds).reduce((sum, one) => sum + one, 0);

function timing(seconds) {
  const all = total(seconds) || 1;
  return h(
    "dl.timing",
    {},
    Object.entries(PARTS).map(([part, label]) => {
      const bar = h("span.bar", { "aria-hidden": "true" });
      bar.style.setProperty("--share", String(seconds[part] / all));
      return h("div", {}, h("dt", {}, label), h("dd", {}, milliseconds(seconds[part])), bar);
    }),
  );
}

function card(done, output, number, labels) {
  const body = h("div.view");
  const views = viewsOf(output, labels);
  let cancel = new AbortController();
  const show = async (view) => {
    cancel.abort();
    cancel = new AbortController();
    fill(body, h("p.quiet", {}, "Drawing\u2026"));
    try {
      const made = await VIEWS[view](done, output, number, labels, cancel.signal);
      if (!cancel.signal.aborted) fill(body, made);
    } catch (error) {
      if (error.name !== "AbortError")
        fill(body, failure({ details: error.details ?? String(error) }));
    }
  };
  const made = h(
    "section.output",
    {},
    h(
      "div.title",
      {},
      h("h3", {}, wire(output.name)),
      h("span.type", {}, `${output.dtype} [${output.shape.join(", ")}]`),
    ),
    views.length > 1
      ? segmented(
          `How ${output.name} is shown`,
          views.map((one) => [one, NAMES[one]]),
          views[0],
          show,
        )
      : null,
    body,
  );
  show(views[0]);
  return made;
}

const NAMES = { bars: "Bars", table: "Table", picture: "Picture", heat: "Heat map", raw: "Raw" };
const VIEWS = { bars, table, picture, heat, raw };

function viewsOf(output, labels) {
  const { shape, count, numeric } = output;
  const last = shape.at(-1) ?? 1;
  const views = [];
  if (!count) return ["raw"];
  const small = output.values !== null;
  if (labels && String(labels.shape) === String(shape)) views.push("bars");
  if (!numeric) {
    if (small && holdsPicture(output.values)) views.push("picture");
    return [...views, ...(small ? ["table"] : []), "raw"];
  }
  const pixels =
    (shape.length >= 3 && [1, 3, 4].includes(last) && shape.at(-2) > 4 && shape.at(-3) > 4) ||
    (shape.length === 3 && shape[1] > 8 && shape[2] > 8);
  if (pixels) views.push("picture");
  if (
    !views.length &&
    small &&
    shape.length <= 2 &&
    last >= 2 &&
    last <= 2000 &&
    shape.length > 0
  ) {
    views.push(shape.length === 1 ? "table" : "bars");
    if (shape.length === 1) views.push("bars");
  }
  if (small && !views.includes("table") && shape.length <= 2) views.push("table");
  if (count >= 16) views.push("heat");
  views.push("raw");
  return views;
}

function holdsPicture(values) {
  const first = [values].flat(Infinity)[0];
  return typeof first === "object" && pictureType(first.b64) !== null;
}

/** The type of an encoded picture; never one that can hold script. */
function pictureType(b64) {
  const start = { iVBORw0KGgo: "png", "/9j/": "jpeg", R0lGOD: "gif", UklGR: "webp", Qk: "bmp" };
  const found = Object.entries(start).find(([head]) => b64.startsWith(head));
  return found ? `image/${found[1]}` : null;
}

// Scores, the largest first.
function bars(_, output, __, labels) {
  const { values, shape } = output;
  const rows = shape.length === 1 ? [values] : values;
  const names = labels
    ? shape.length === 1
      ? [labels.values]
      : labels.values
    : output.labels && rows.map(() => output.labels);
  let from = 0;
  const body = h("div");
  const more = h("p");
  function show() {
    for (; from < rows.length && from % 20 < 20; from++) {
      body.append(barsOf(rows[from], names?.[from], rows.length > 1 ? from : null));
      if (from % 20 === 19) {
        from++;
        break;
      }
    }
    fill(
      more,
      from < rows.length
        ? button(`Show more of ${plural(rows.length, "row")}`, show, { class: "plain" })
        : null,
    );
  }
  show();
  return h("div", {}, body, more);
}

function barsOf(scores, names, row) {
  const numbers = scores.map((one) => (typeof one === "number" ? one : Number(one)));
  const order = numbers.map((_, n) => n).sort((a, b) => numbers[b] - numbers[a] || a - b);
  const [low, high] = range(numbers);
  const most = Math.max(Math.abs(low), Math.abs(high)) || 1;
  const list = h("ol.bars");
  const line = (n, first) => {
    const bar = h("span.bar", { "aria-hidden": "true" });
    const share = Number.isFinite(numbers[n]) ? Math.abs(numbers[n]) / most : 0;
    bar.style.setProperty("--share", String(share));
    if (numbers[n] < 0) bar.classList.add("below");
    return h(
      first ? "li.first" : "li",
      {},
      h("span.label", {}, names ? wire(names[n], "bdi") : n),
      bar,
      h("span.score", {}, digits(scores[n])),
    );
  };
  list.append(...order.slice(0, BARS).map((n, at) => line(n, at === 0)));
  const rest = order.slice(BARS);
  const more = rest.length
    ? button(
        `${rest.length} more`,
        () => {
          list.append(...rest.slice(0, 1000).map((n) => line(n)));
          keeping(list.parentElement, () => more.remove());
        },
        { class: "plain" },
      )
    : null;
  return h("div.ranking", {}, row === null ? null : h("h4", {}, `Row ${row}`), list, more);
}

function cellText(value) {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return h("span.quiet", {}, `${Math.round((value.b64.length * 3) / 4)} bytes`);
  }
  if (Array.isArray(value)) return value.map(digits).join(", ");
  return typeof value === "string" ? wire(value, "bdi.wire") : digits(value);
}

function table(_, output) {
  const { values, shape } = output;
  if (!shape.length) return h("p.lone", {}, cellText(values));
  if (output.count === 1) return h("p.lone", {}, cellText([values].flat(Infinity)[0] ?? values));
  const rows = shape.length === 1 ? values.map((one) => [one]) : values;
  const columns = Math.min(COLUMNS, rows[0]?.length ?? 0);
  const body = h("tbody");
  let from = 0;
  const more = h("p");
  function show() {
    const end = Math.min(rows.length, from + ROWS);
    for (; from < end; from++) {
      body.append(
        h(
          "tr",
          {},
          h("th", { scope: "row" }, from),
          rows[from].slice(0, columns).map((one) => h("td", {}, cellText(one))),
        ),
      );
    }
    fill(
      more,
      from < rows.length
        ? button(`Show more of ${plural(rows.length, "row")}`, show, { class: "plain" })
        : null,
    );
  }
  show();
  const hidden = (rows[0]?.length ?? 0) - columns;
  return h(
    "div",
    {},
    h(
      "div.scroll",
      { tabindex: "0", role: "region", "aria-label": `Values of ${output.name}` },
      h(
        "table",
        {},
        shape.length > 1
          ? h(
              "thead",
              {},
              h(
                "tr",
                {},
                h("th", {}, h("span.hidden", {}, "Row")),
                Array.from({ length: columns }, (_, n) => h("th", { scope: "col" }, n)),
              ),
            )
          : null,
        body,
      ),
    ),
    hidden > 0
      ? h("p.quiet.small", {}, `${plural(hidden, "column")} more; download the answer to have all.`)
      : null,
    more,
  );
}

async function numbersOf(done, output, number, signal) {
  if (output.values === null || output.dtype.startsWith("complex"))
    return floats(done.id, number, { signal });
  return Float32Array.from([output.values].flat(Infinity), Number);
}

async function picture(done, output, number, _, signal) {
  if (!output.numeric) {
    return h(
      "div.pictures",
      {},
      [output.values]
        .flat(Infinity)
        .slice(0, 24)
        .map((one, n) => {
          const type = typeof one === "object" ? pictureType(one.b64) : null;
          return type
            ? h("img", { src: `data:${type};base64,${one.b64}`, alt: `Picture ${n}` })
            : h("p", {}, cellText(one));
        }),
    );
  }
  const all = await numbersOf(done, output, number, signal);
  const shape = output.shape;
  const flat = ![1, 3, 4].includes(shape.at(-1)) || (shape.length === 3 && shape[2] > 4);
  const channels = flat ? 1 : shape.at(-1);
  const [height, width] = flat ? shape.slice(-2) : shape.slice(-3, -1);
  const size = width * height * channels;
  const [low, high] = range(all);
  // Pixels are 0 to 1 or 0 to 255; others are stretched.
  const [from, to] =
    low >= 0 && high <= 1 ? [0, 1] : low >= 0 && high <= 255 && high > 1 ? [0, 255] : [low, high];
  const count = Math.min(12, size ? all.length / size : 0);
  return h(
    "div.pictures",
    {},
    Array.from({ length: count }, (_, n) => {
      const part = all.subarray(n * size, (n + 1) * size);
      return h(
        "figure",
        {},
        raster({
          width,
          height,
          channels,
          low: from,
          high: to,
          at: (i) => part[i],
          label: `${output.name}, picture ${n}, ${width} by ${height}`,
        }),
      );
    }),
    channels === 1 ? legend(from, to) : null,
  );
}

async function heat(done, output, number, _, signal) {
  const all = await numbersOf(done, output, number, signal);
  const shape = output.shape;
  // The last two dimensions; a vector, or a row alone, is folded into a square.
  let width = shape.at(-1) ?? 1;
  let height = all.length / width;
  if (shape.length < 2 || height < 2 || width < 2) {
    width = Math.ceil(Math.sqrt(all.length));
    height = Math.ceil(all.length / width);
  }
  const most = 8192; // what browsers draw
  const [low, high] = range(all);
  const shown = Math.min(height, most);
  const at = (n) => (n < all.length ? all[n] : NaN);
  const grid = raster({
    width: Math.min(width, most),
    height: shown,
    channels: 1,
    low,
    high,
    at: width > most ? (n) => at(Math.floor(n / most) * width + (n % most)) : at,
    label: `${output.name} as colours from ${digits(low)} to ${digits(high)}`,
  });
  return h(
    "div",
    {},
    h(
      "div.scroll",
      { tabindex: "0", role: "region", "aria-label": `Heat map of ${output.name}` },
      grid,
    ),
    legend(low, high),
    statsOf(output),
  );
}

function statsOf({ stats, count }) {
  if (!stats) return null;
  const rest = stats.not_finite ? `, ${stats.not_finite} not finite` : "";
  return h(
    "p.quiet.small",
    {},
    `${plural(count, "value")}: ${digits(stats.min)} to ${digits(stats.max)}, mean ${digits(stats.mean)}${rest}`,
  );
}

function raw(done, output, number) {
  if (output.values !== null) {
    const text = layout(output.values);
    return h(
      "pre.raw",
      { tabindex: "0" },
      h("code", {}, text.length > 200_000 ? `${text.slice(0, 200_000)}\u2026` : text),
    );
  }
  const box = h("pre.raw", { tabindex: "0" });
  const where = h("span.quiet");
  let start = 0;
  const step = async (to) => {
    try {
      const { values } = await get(`calls/${done.id}/outputs/${number}?start=${to}`);
      start = to;
      fill(
        box,
        h("code", {}, values.map((one, n) => `${start + n}\t${JSON.stringify(one)}`).join("\n")),
      );
      fill(
        where,
        `values ${start.toLocaleString("en")} to ${(start + values.length - 1).toLocaleString("en")} of ${output.count.toLocaleString("en")}`,
      );
      keeping(back.parentElement, () => {
        back.disabled = start === 0;
        on.disabled = start + 1000 >= output.count;
      });
    } catch (error) {
      fill(box, failure(error));
    }
  };
  const back = button("Earlier", () => step(Math.max(0, start - 1000)), { class: "plain" });
  const on = button("Later", () => step(start + 1000), { class: "plain" });
  step(0);
  return h("div", {}, statsOf(output), box, h("p.pager", {}, back, where, on));
}

/** JSON with the innermost lists on one line each. */
function layout(value, indent = "") {
  if (!Array.isArray(value) || !value.some(Array.isArray)) return JSON.stringify(value);
  const deeper = `${indent} `;
  return `[\n${value.map((one) => deeper + layout(one, deeper)).join(",\n")}\n${indent}]`;
}
