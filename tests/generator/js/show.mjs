// What clients give, as JSON that tells bigints, floats and bytes apart.

function element(value) {
  if (typeof value === "bigint") return { int: String(value) };
  if (value instanceof Uint8Array) return { bytes: Array.from(value) };
  if (Object.is(value, -0)) return { float: "-0" };
  const isPlain = typeof value !== "number" || Number.isFinite(value);
  return isPlain ? value : { float: String(value) };
}

function shown(value) {
  if (ArrayBuffer.isView(value)) return Array.from(value, element);
  if (Array.isArray(value)) {
    return value.map((item) =>
      item instanceof Uint8Array ? element(item) : shown(item),
    );
  }
  if (value instanceof Error) {
    const { name, code, details, httpStatus } = value;
    return { name, code, details, httpStatus };
  }
  if (value === null || typeof value !== "object") return element(value);
  const members = Object.entries(value).map(([key, item]) => [
    key,
    shown(item),
  ]);
  return Object.fromEntries(members);
}

/** The JSON on standard input. */
export async function read() {
  // Once it has read with readFileSync, Node 20 no longer follows links.
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks));
}

/** Print a value, a line. */
export function show(value) {
  console.log(JSON.stringify(shown(value) ?? null));
}

/** Print what a call gives, or the error that it ends with. */
export async function showCall(call) {
  show(await call().catch((error) => error));
}
