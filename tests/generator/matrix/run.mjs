// Calls generated clients: `{folder, target, grpc, calls}` comes in, an outcome a line goes out.
// Methods and fields are named as the clients name them.

import { readFileSync } from "node:fs";

const given = JSON.parse(readFileSync(0, "utf8"));

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  int64: BigInt64Array,
  float8_e5m2: Uint8Array,
  float8_e4m3fn: Uint8Array,
  complex64: Float32Array,
  complex128: Float64Array,
  int4: Int8Array,
  uint4: Uint8Array,
  qint8: Int8Array,
  qint16: Int16Array,
  qint32: Int32Array,
  quint8: Uint8Array,
  quint16: Uint16Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
  uint64: BigUint64Array,
};

const bytes = (base64) => Uint8Array.from(Buffer.from(base64, "base64"));
const base64 = (array) =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString(
    "base64",
  );

function tensor({ dtype, shape, data, strings }) {
  if (dtype === "string") return { data: strings.map(bytes), shape };
  if (dtype === "bool")
    return { data: Array.from(bytes(data), Boolean), shape };
  return { data: new ARRAYS[dtype](bytes(data).buffer), shape };
}

function feature({ dtype, values, lone }) {
  const read = { float32: Number, int64: BigInt, string: bytes }[dtype];
  return lone ? read(values[0]) : values.map(read);
}

function fields(object, read) {
  const pairs = Object.entries(object).map(([key, value]) => [
    key,
    read(value),
  ]);
  return Object.fromEntries(pairs);
}

function told({ data, shape }) {
  if (ArrayBuffer.isView(data)) return { shape, data: base64(data) };
  if (data.some((value) => typeof value === "boolean"))
    return { shape, data: base64(Uint8Array.from(data, Number)) };
  const encode = (value) =>
    typeof value === "string" ? base64(Buffer.from(value)) : base64(value);
  return { shape, strings: data.map(encode) };
}

function outputs(kind, answer) {
  if (kind === "predict") return fields(answer, told);
  if (kind === "regress")
    return { value: told({ data: answer, shape: [answer.length] }) };
  const shape = [answer.flat().length];
  const labels = answer.flat().map(({ label }) => label);
  const scores = Float32Array.from(answer.flat(), ({ score }) => score);
  return {
    label: told({ data: labels, shape }),
    score: told({ data: scores, shape }),
  };
}

const { connect } = await import(`${given.folder}/grpc.js`);
const server = given.grpc ? connect(given.target) : given.target;
const clients = {};
for (const [model, module] of Object.entries(given.modules)) {
  const { ServingError, ...made } = await import(
    `${given.folder}/${module}.js`
  );
  const [Client] = Object.values(made);
  clients[model] = new Client(server);
}

for (const { model, method, kind, field, inputs, examples } of given.calls) {
  const values = fields(inputs, tensor);
  if (examples) values[field] = examples.map((one) => fields(one, feature));
  const outcome = await clients[model][method](values).then(
    (answer) => ({ outputs: outputs(kind, answer) }),
    ({ code, message }) => ({ outputs: {}, code, message }),
  );
  console.log(JSON.stringify(outcome));
}
if (given.grpc) server.close();
