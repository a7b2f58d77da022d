// A test as a user writes it: of code that calls models, without a server.

import assert from "node:assert/strict";
import { test } from "node:test";

import { DtypesClient } from "./dtypes.js";
import { EstimatorClient } from "./estimator.js";
import {
  HalfPlusTwoClient,
  ServingError,
  versionOf,
  type HalfPlusTwoCalls,
} from "./half_plus_two.js";
import { MlpClient } from "./mlp.js";
import { RawPngClient } from "./raw_png.js";
import { fakeConnection, fakeFetch, fakeModel } from "./testing.js";

/** What is tested: the sum of what the model makes of numbers, 0 if it is down. */
async function sumOf(
  model: Pick<HalfPlusTwoCalls, "servingDefault">,
  numbers: number[],
): Promise<number> {
  try {
    const { y } = await model.servingDefault({ x: numbers.map((n) => [n]) });
    return y.data.reduce((sum, value) => sum + value, 0);
  } catch (error) {
    const isDown =
      error instanceof ServingError && error.code === "UNAVAILABLE";
    if (isDown) return 0;
    throw error;
  }
}

const half = fakeModel(HalfPlusTwoClient, {
  servingDefault: ({ x }) => {
    if (x.data[0] === 13) throw new ServingError("UNAVAILABLE", "unlucky");
    const data = Float32Array.from(x.data, (value) => value / 2 + 2);
    return { y: { data, shape: x.shape } };
  },
  classifyTwo: ({ examples, context }) =>
    examples.map(({ x = context?.x }) => [
      { label: String(x), score: examples.length },
    ]),
  regressXToY: async ({ examples }) =>
    Float32Array.from(examples, ({ x }) => Number(x?.[0]) * 2),
  // @ts-expect-error there is no such method
  other: () => {},
});

const estimator = fakeModel(EstimatorClient, {
  predict: async ({ examples }) => {
    const [first] = examples.data;
    assert.ok(first instanceof Uint8Array); // a serialized Example
    return new Promise(() => {}); // it never answers
  },
});
const png = fakeModel(RawPngClient, {
  servingDefault: ({ imageBytes }) => ({
    label: { data: ["é"], shape: [1] },
    scores: { data: new Float32Array(10), shape: [1, 10] },
    thumbBytes: {
      data: imageBytes.data.map((image) => (image as Uint8Array).slice(1)),
      shape: imageBytes.shape,
    },
  }),
});
const dtypes = fakeModel(DtypesClient, {
  idInt64: ({ x }) => ({
    y: { data: BigInt64Array.from(x.data, BigInt), shape: x.shape },
  }),
  // @ts-expect-error floats are not booleans
  idBool: ({ x }) => ({ y: { data: new Float32Array(1), shape: x.shape } }),
});

fakeModel(MlpClient, {
  call: ({ images }) => ({
    output0: { data: Float32Array.from(images.data), shape: images.shape },
  }),
});

const models = [half, estimator, png, dtypes];
for (const [name, server, options] of [
  ["fetch", "http://fake:8501/below", { fetch: fakeFetch(...models) }],
  ["gzip", "http://fake", { fetch: fakeFetch(...models), gzip: true }],
  ["connection", fakeConnection(...models), {}],
] as const) {
  test(`numbers are summed: ${name}`, async () => {
    const client = new HalfPlusTwoClient(server, {
      ...options,
      verify: true,
      retries: 0,
    });
    assert.equal(await sumOf(client, [2, 4]), 7);
    assert.equal(await sumOf(client, [13]), 0);
    assert.equal((await client.model.waitUntilReady()).version, 1n);
    assert.equal((await client.model.metadata()).version, 1n);
  });

  test(`examples are given as they are: ${name}`, async () => {
    const client = new HalfPlusTwoClient(server, { ...options, version: 7 });
    const examples = [{ x: 1 }, { x: [2.5] }];
    const classes = await client.classifyTwo({ examples, context: { x2: 3 } });
    assert.deepEqual(classes.flat(), [
      { label: "1", score: 2 },
      { label: "2.5", score: 2 },
    ]);
    const numbers = await client.regressXToY({ examples });
    assert.deepEqual(numbers, Float32Array.of(2, 5));
    assert.equal(versionOf(numbers), 7n);
  });

  test(`several signatures run together: ${name}`, async () => {
    const client = new HalfPlusTwoClient(server, options);
    const methods = ["classifyTwo", "regressXToY"] as const;
    const call = client.multiInference(methods, { examples: [{ x: 3 }] });
    if (name !== "connection") {
      await assert.rejects(call, { code: "UNIMPLEMENTED" });
      return;
    }
    const { classifyTwo, regressXToY } = await call;
    assert.deepEqual(classifyTwo, [[{ label: "3", score: 1 }]]);
    assert.deepEqual(regressXToY, Float32Array.of(6));
  });

  test(`calls fail as real ones do: ${name}`, async () => {
    const slow = new EstimatorClient(server, { ...options, timeoutMs: 50 });
    const inputs = { examples: [{ a: "x", b: 1 }] };
    await assert.rejects(slow.predict(inputs), { code: "DEADLINE_EXCEEDED" });
    const client = new HalfPlusTwoClient(server, options);
    await assert.rejects(client.servingDefault({ x: 1 }), {
      code: "INVALID_ARGUMENT",
    });
    await assert.rejects(client.regressXToY2({ examples: [{ x: 1 }] }), {
      code: "UNIMPLEMENTED",
    });
    const gone = new HalfPlusTwoClient(server, { ...options, model: "gone" });
    await assert.rejects(gone.servingDefault({ x: [[1]] }), {
      code: "NOT_FOUND",
    });
  });

  test(`strings and large integers arrive: ${name}`, async () => {
    const client = new RawPngClient(server, options);
    const imageBytes = [Uint8Array.of(1, 255)];
    const { label, thumbBytes } = await client.servingDefault({ imageBytes });
    assert.deepEqual(label.data, ["é"]);
    assert.deepEqual(thumbBytes.data, [Uint8Array.of(255)]);
    const { y } = await new DtypesClient(server, options).idInt64({
      x: [2n ** 62n],
    });
    assert.deepEqual(y.data, BigInt64Array.of(2n ** 62n));
  });
}
