// Numbers as pictures and lines.  A million of them are drawn in slices, so that the page stays alive.

import { h, svg, digits } from "./dom.js";

const SLICE = 1 << 17; // values that are drawn before the page may do other things

// Dark blue to yellow, as viridis: told apart by everybody, also in print.
const STOPS = [
  [68, 1, 84],
  [71, 44, 122],
  [59, 81, 139],
  [44, 113, 142],
  [33, 144, 141],
  [39, 173, 129],
  [92, 200, 99],
  [170, 220, 50],
  [253, 231, 37],
];

const TABLE = Uint8Array.from({ length: 256 * 3 }, (_, at) => {
  const [n, channel] = [Math.floor(at / 3), at % 3];
  const place = (n / 255) * (STOPS.length - 1);
  const low = Math.min(STOPS.length - 2, Math.floor(place));
  const [a, b] = [STOPS[low][channel], STOPS[low + 1][channel]];
  return Math.round(a + (b - a) * (place - low));
});

/** The least and the largest of the numbers that are numbers. */
export function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const one of values) {
    if (one < low && one !== -Infinity) low = one;
    if (one > high && one !== Infinity) high = one;
  }
  return low <= high ? [low, high] : [0, 0];
}

/**
 * A grid of numbers as colours, or of pixels.
 *
 * @param {{width: number, height: number, channels: number, at: (n: number) => number,
 *   low: number, high: number, label: string}} of `at` gives the numbers in row-major order
 */
export function raster({ width, height, channels, at, low, high, label }) {
  const canvas = h("canvas.raster", { role: "img", "aria-label": label });
  canvas.width = width;
  canvas.height = height;
  canvas.style.setProperty("--width", String(width));
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const scale = high > low ? 255 / (high - low) : 0;
  let next = 0;
  function slice() {
    const end = Math.min(width * height, next + SLICE);
    for (; next < end; next++) {
      const to = next * 4;
      if (channels >= 3) {
        for (let c = 0; c < 3; c++) image.data[to + c] = (at(next * channels + c) - low) * scale;
        image.data[to + 3] = channels > 3 ? (at(next * channels + 3) - low) * scale : 255;
        continue;
      }
      const value = at(next);
      if (Number.isNaN(value)) {
        image.data[to + 3] = 0;
        continue;
      }
      const level = Math.max(0, Math.min(255, Math.round((value - low) * scale)));
      image.data.set(TABLE.subarray(level * 3, level * 3 + 3), to);
      image.data[to + 3] = 255;
    }
    context.putImageData(image, 0, 0);
    if (next < width * height) setTimeout(slice, 0);
    else canvas.dataset.drawn = "true";
  }
  setTimeout(slice, 0);
  return canvas;
}

/** What the colours of a grid mean. */
export function legend(low, high) {
  const bar = h("canvas.scale", { "aria-hidden": "true" });
  bar.width = 128;
  bar.height = 1;
  const context = bar.getContext("2d");
  const image = context.createImageData(128, 1);
  for (let n = 0; n < 128; n++) {
    image.data.set(TABLE.subarray(n * 6, n * 6 + 3), n * 4);
    image.data[n * 4 + 3] = 255;
  }
  context.putImageData(image, 0, 0);
  return h("p.legend", {}, h("span", {}, digits(low)), bar, h("span", {}, digits(high)));
}

/**
 * Lines over x.
 *
 * @param {{x: number[], lines: {label: string, y: (number | null)[]}[], mark?: number}} of
 */
export function chart({ x, lines, now }) {
  const narrow = matchMedia("(max-width: 40rem)").matches;
  const [width, height, left, bottom, top, right] = [
    narrow ? 330 : 640,
    narrow ? 240 : 300,
    52,
    34,
    12,
    14,
  ];
  const [x0, x1] = range(x);
  let [y0, y1] = range(lines.flatMap((line) => line.y.filter((y) => y !== null)));
  if (y0 === y1) [y0, y1] = [y0 - 0.5, y1 + 0.5];
  const sx = (v) => left + ((v - x0) / (x1 - x0 || 1)) * (width - left - right);
  const sy = (v) => height - bottom - ((v - y0) / (y1 - y0)) * (height - top - bottom);
  const ticks = (low, high) => Array.from({ length: 5 }, (_, n) => low + ((high - low) * n) / 4);
  const text = (px, py, label, anchor) =>
    svg("text", { x: px, y: py, "text-anchor": anchor, class: "tick" }, label);
  const mark = svg("line", {
    class: "mark",
    x1: 0,
    x2: 0,
    y1: top,
    y2: height - bottom,
    visibility: "hidden",
  });
  const drawn = svg(
    "svg",
    {
      viewBox: `0 0 ${width} ${height}`,
      role: "img",
      "aria-label": "Outputs over the value; the table below has the numbers",
    },
    ticks(y0, y1).map((v) => [
      svg("line", { class: "grid", x1: left, x2: width - right, y1: sy(v), y2: sy(v) }),
      text(left - 8, sy(v) + 4, digits(Number(v.toPrecision(3))), "end"),
    ]),
    ticks(x0, x1).map((v) =>
      text(sx(v), height - bottom + 20, digits(Number(v.toPrecision(3))), "middle"),
    ),
    Number.isFinite(now) && now >= x0 && now <= x1
      ? svg("line", { class: "now", x1: sx(now), x2: sx(now), y1: top, y2: height - bottom })
      : null,
    mark,
    lines.map((line, n) =>
      svg("polyline", {
        class: `series series-${n % 8}`,
        points: line.y
          .flatMap((y, i) => (y === null ? [] : [`${sx(x[i]).toFixed(1)},${sy(y).toFixed(1)}`]))
          .join(" "),
      }),
    ),
  );
  return {
    element: h("div.chart", {}, drawn),
    at(n) {
      mark.setAttribute("visibility", "visible");
      mark.setAttribute("x1", sx(x[n]));
      mark.setAttribute("x2", sx(x[n]));
    },
  };
}
