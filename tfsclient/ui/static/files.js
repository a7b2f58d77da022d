// Files that are dropped, pasted or chosen.

import { button, bytes, fill, fresh, h, wire } from "./dom.js";

const MOST = 40 << 20; // bytes: base64 makes them larger by a third, and requests are bounded
const PICTURE = /^image\/(png|jpeg|gif|webp|bmp|avif)$/;

const known = new WeakMap(); // files are read once, however often the form is

/** What a request holds of files: names and base64. */
export async function packed(files) {
  return Promise.all(
    files.map(async (file) => {
      if (!known.has(file)) known.set(file, base64(file));
      return { name: file.name || "pasted.png", b64: await known.get(file) };
    }),
  );
}

function base64(file) {
  return new Promise((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result.slice(reader.result.indexOf(",") + 1));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(file);
  });
}

/** Files of what was packed. */
export const unpacked = (all) =>
  all.map(({ name, b64 }) => {
    const data = Uint8Array.from(atob(b64), (c) => c.charCodeAt(0));
    const ending = /\.(png|jpe?g|gif|webp|bmp|avif)$/i.exec(name)?.[1].toLowerCase();
    return new File([data], name, { type: ending ? `image/${ending.replace("jpg", "jpeg")}` : "" });
  });

/**
 * Where files are dropped, pasted and chosen.
 *
 * @param {{name: string, accept?: string, multiple?: boolean, changed: (files: File[]) => void}} of
 */
export function dropZone({ name, accept, multiple = false, changed }) {
  let files = [];
  const id = fresh("file");
  const input = h("input.hidden", {
    type: "file",
    id,
    accept,
    multiple,
    "aria-label": `File for ${name}`,
    onchange: () => take([...input.files]),
  });
  const list = h("div.files");
  const error = h("p.wrong", { hidden: true });
  const zone = h(
    "div.drop",
    {},
    input,
    h(
      "p",
      {},
      h("label.button", { for: id }, "Choose a file"),
      h("span.quiet", {}, " or drop or paste it here"),
    ),
    list,
    error,
  );

  function take(chosen, quietly = false) {
    const large = chosen.find((file) => file.size > MOST);
    error.hidden = !large;
    if (large) {
      fill(error, `${large.name} has ${bytes(large.size)}, which is more than the page sends.`);
      return;
    }
    files = multiple ? chosen : chosen.slice(0, 1);
    show();
    if (!quietly) changed(files);
  }

  function show() {
    fill(
      list,
      files.map((file) => {
        const picture = PICTURE.test(file.type);
        const url = picture ? URL.createObjectURL(file) : null;
        return h(
          "figure",
          {},
          picture ? h("img", { src: url, alt: "", onload: () => URL.revokeObjectURL(url) }) : null,
          h(
            "figcaption",
            {},
            wire(file.name || "pasted picture"),
            " ",
            h("span.quiet", {}, bytes(file.size)),
          ),
          button("Remove", () => take(files.filter((one) => one !== file)), {
            class: "plain",
            "aria-label": `Remove ${file.name}`,
          }),
        );
      }),
    );
    zone.classList.toggle("full", files.length > 0);
  }

  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    event.stopPropagation();
    document.body.classList.remove("dropping");
    zone.classList.remove("over");
    take([...event.dataTransfer.files]);
  });
  return { element: zone, take, files: () => files };
}

/** Files that are dropped or pasted anywhere on the page. */
export function anywhere(take) {
  addEventListener("dragover", (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("dropping");
  });
  addEventListener("drop", (event) => {
    document.body.classList.remove("dropping");
    if (!event.dataTransfer.files.length) return;
    event.preventDefault();
    take([...event.dataTransfer.files]);
  });
  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    take(files);
  });
}
