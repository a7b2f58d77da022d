// Times the generated client and a hand-written one, turn by turn, for
// benchmarks/generated.py: cases come on standard input, times go to standard
// output. Run it with --expose-gc.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadFileDescriptorSetFromBuffer } from "@grpc/proto-loader";

import { connect } from "./model/grpc.js";
import { ModelClient } from "./model/index.js";

const TIMEOUT_MS = 60_000;
const OPTIONS = { "grpc.max_receive_message_length": -1 };

const METHODS = {
  scalar: "scalar",
  digit: "digit",
  image: "image",
  "strings-up": "stringsUp",
  "strings-down": "stringsDown",
  "ints-down": "intsDown",
};

/** A call of the generated client. */
function generated({ signature, target, rest, input }) {
  const client = new ModelClient(rest ? target : connect(target));
  const { shape } = input;
  const method = METHODS[signature];
  const data = input.strings ?? Float32Array.from(input.floats);
  return () => client[method]({ [input.name]: { data, shape } });
}

/**
 * A call by the official messages, which protobufjs compiles: read from
 * descriptors, their fields keep their names, and maps are lists of entries.
 */
function overGrpc({ signature, target, input, output }) {
  const protos = loadFileDescriptorSetFromBuffer(readFileSync("protos.binpb"), {
    longs: Number,
  });
  const { PredictionService } =
    loadPackageDefinition(protos).tensorflow.serving;
  const client = new PredictionService(
    target,
    credentials.createInsecure(),
    OPTIONS,
  );
  const data = input.strings ?? Float32Array.from(input.floats);
  const dim = input.shape.map((size) => ({ size }));
  return async () => {
    const values =
      data instanceof Float32Array
        ? { dtype: "DT_FLOAT", tensor_content: Buffer.from(data.buffer) }
        : { dtype: "DT_STRING", string_val: data.map((s) => Buffer.from(s)) };
    const value = { tensor_shape: { dim }, ...values };
    const request = {
      model_spec: { name: "model", signature_name: signature },
      inputs: [{ key: input.name, value }],
    };
    const deadline = Date.now() + TIMEOUT_MS;
    const response = await new Promise((resolve, reject) => {
      client.Predict(request, { deadline }, (error, answer) =>
        error ? reject(error) : resolve(answer),
      );
    });
    const tensor = response.outputs.find(
      ({ key }) => key === output.name,
    ).value;
    const shape = (tensor.tensor_shape.dim ?? []).map(({ size }) => size);
    if (output.ints) return { data: tensor.int64_val, shape };
    if (output.floats) return { data: tensor.float_val, shape };
    return { data: tensor.string_val.map((s) => s.toString()), shape };
  };
}

/** A call by fetch and JSON, on the nested arrays that it wants. */
function overRest({ signature, target, input }) {
  const url = `${target}/v1/models/model:predict`;
  let images = input.floats;
  for (const size of input.shape.slice(1).reverse()) {
    images = Array.from({ length: images.length / size }, (_, i) =>
      images.slice(i * size, (i + 1) * size),
    );
  }
  return async () => {
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify({
        signature_name: signature,
        inputs: { [input.name]: images },
      }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return (await response.json()).outputs;
  };
}

/** Compare a result of any of the three with what the server sends. */
function check(result, output) {
  const tensor = output.name in result ? result[output.name] : result;
  const data = Array.isArray(tensor) ? tensor.flat() : Array.from(tensor.data);
  if (tensor.shape) assert.deepEqual(tensor.shape, output.shape);
  const expected = output.floats ?? output.ints ?? output.strings;
  const comparable = output.floats ? Math.fround : (value) => value;
  assert.deepEqual(
    data.map((v) => comparable(typeof v === "bigint" ? Number(v) : v)),
    expected.map(comparable),
  );
}

async function measure(call, seconds) {
  const times = [];
  const cpu = process.cpuUsage();
  let before = performance.now();
  for (const end = before + seconds * 1e3; before < end;) {
    await call();
    const after = performance.now();
    times.push(after - before);
    before = after;
  }
  const { user, system } = process.cpuUsage(cpu);
  times.sort((a, b) => a - b);
  const wall = times[Math.floor(times.length / 2)] / 1e3;
  return { wall, cpu: (user + system) / 1e6 / times.length };
}

/** Each peer takes turns of its own, which start without the other's garbage. */
async function compare(one, { rounds, seconds }) {
  const peers = {
    generated: generated(one),
    "by hand": one.rest ? overRest(one) : overGrpc(one),
  };
  const results = { generated: [], "by hand": [] };
  for (const call of Object.values(peers)) {
    check(await call(), one.output);
    await measure(call, 5 * seconds); // the compiler needs its time
  }
  const turns = Object.entries(peers);
  for (let round = 0; round < rounds; round++) {
    for (const [name, call] of turns.reverse()) {
      globalThis.gc();
      results[name].push(await measure(call, seconds));
    }
  }
  return results;
}

const job = JSON.parse(readFileSync(0, "utf8"));
const cases = {};
for (const one of job.cases) cases[one.name] = await compare(one, job);
const versionOf = (name) =>
  JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8")).version;
const versions = {
  node: process.versions.node,
  "grpc-js": versionOf("@grpc/grpc-js"),
  "proto-loader": versionOf("@grpc/proto-loader"),
  protobufjs: versionOf("protobufjs"),
};
process.stdout.write(JSON.stringify({ versions, cases }) + "\n", () =>
  process.exit(),
);
