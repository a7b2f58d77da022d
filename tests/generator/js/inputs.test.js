// What inputs and Examples are sent as, and which are refused.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  answerWith,
  open,
  received,
  refused,
  requests,
  sent,
  signature,
  spec,
  tensor,
  url,
} from "./calls.mjs";

for (const [dtype, value, text] of [
  ["float32", 80, "80.0"],
  ["float32", -0, "-0.0"],
  ["float64", 1e20, "100000000000000000000.0"],
  ["float64", [1e21, 5e-324], "[1e+21,5e-324]"],
  ["float32", [NaN, Infinity, -Infinity], "[NaN,Infinity,-Infinity]"],
  ["float32", tensor(new Float32Array([1, 2]), [2, 1]), "[[1.0],[2.0]]"],
  ["float32", [new Float32Array([1, 2]), [3, 4]], "[[1.0,2.0],[3.0,4.0]]"],
  ["float32", new Float64Array([1.5]), "[1.5]"],
  ["float32", [], "[]"],
  ["float32", [[], []], "[[],[]]"],
  ["float32", tensor([], [2, 0]), "[[],[]]"],
  ["float32", tensor([7], []), "7.0"],
  ["int32", -0, "0"],
  ["int8", [-128, 127n], "[-128,127]"],
  [
    "int64",
    [2n ** 63n - 1n, 2 ** 53 - 1],
    "[9223372036854775807,9007199254740991]",
  ],
  ["uint64", new BigUint64Array([2n ** 64n - 1n]), "[18446744073709551615]"],
  ["bool", [true, false], "[true,false]"],
  ["string", ["a\u2028\0é"], '["a\u2028\\u0000é"]'],
  ["string", [new Uint8Array([255, 0])], '[{"b64":"/wA="}]'],
  ["string", tensor(["a", "b"], [1, 2]), '[["a","b"]]'],
  ["string", "a", '{"b64":"YQ=="}'],
]) {
  test(`${dtype} input is sent as ${text}`, async () => {
    assert.equal(await sent(spec(dtype), value), text);
  });
}

test("a large value is sent whole", async () => {
  const bytes = new Uint8Array(300_001).map((_, i) => i);
  const { b64 } = JSON.parse(await sent(spec("string"), bytes));
  assert.deepEqual(new Uint8Array(Buffer.from(b64, "base64")), bytes);
});

test("wire names are keys, whatever they are", async () => {
  assert.equal(await sent(spec("float32", null, "__proto__"), 1), "1.0");
  assert.equal(await sent(spec("float32", null, '"}\u2028'), 1), "1.0");
});

for (const [dtype, shape, value, text] of [
  ["float32", [-1, 2], [1, 2], /has shape \[2\].*float32 \[-1, 2\]; \[value\]/],
  ["float32", [-1, 2], [[1, 2, 3]], /has shape \[1, 3\]/],
  ["float32", null, [[1], [2, 3]], /ragged/],
  ["float32", null, [1, [2]], /ragged/],
  ["float32", null, [[1], 2], /ragged/],
  ["float32", null, ["1"], /holds, at index 0, "1"/],
  ["float32", null, [1e39], /1e\+39/],
  ["float32", null, [1n], /1n/],
  ["float32", null, null, /is null/],
  ["float32", null, tensor([1, 2], [3]), /has shape \[3\], but 2 values/],
  ["float32", null, tensor([1], [1.5]), /not a list of sizes/],
  ["float32", null, { shape: [1] }, /no values/],
  ["int32", null, [1.5], /1.5/],
  ["int8", null, [128], /128/],
  ["uint8", null, [-1], /-1/],
  ["int64", null, [2 ** 53], /, 9007199254740992, .*2\^53 - 1.*a bigint/],
  ["uint64", null, [2 ** 63], /give a bigint/],
  ["int32", null, [2 ** 53], /must be int32 of any shape$/],
  ["float32", [-1], new DataView(new ArrayBuffer(8)), /DataView.* \[-1\]$/],
  ["float32", [-1], new ArrayBuffer(8), /is ArrayBuffer, .* float32 \[-1\]$/],
  ["int64", null, [2n ** 63n], /9223372036854775808n/],
  ["bool", null, [1], /holds, at index 0, 1/],
  ["string", null, ["\ud800"], /holds/],
  ["string", null, new Uint8Array([1]).buffer, /ArrayBuffer/],
]) {
  const name = `${dtype} input ${text} is refused`;
  test(name, async () => {
    const before = requests.length;
    const call = signature(spec(dtype, shape));
    const model = open(url, "m");
    await refused(model.predict(call, { x: value }), "INVALID_ARGUMENT", text);
    assert.equal(requests.length, before);
  });
}

test("a list that holds itself is refused", async () => {
  const endless = [];
  endless.push(endless);
  const call = open(url, "m").predict(signature(spec("int32")), {
    x: endless,
  });
  await refused(call, "INVALID_ARGUMENT", /nested too deeply/);
});

test("what JSON cannot say is refused", async () => {
  const model = open(url, "m");
  const call = model.predict(signature(spec("float32")), {
    x: tensor([], [0, 8]),
  });
  await refused(call, "UNIMPLEMENTED", /\[0, 8\]/);
});

test("unknown and missing inputs are named, inherited ones are none", async () => {
  const call = signature(spec("float32", [-1]));
  const model = open(url, "m");
  const text =
    /model "m", signature "s": there is no input y; input x is missing; wanted: x float32 \[-1\]/;
  await refused(model.predict(call, { y: 1 }), "INVALID_ARGUMENT", text);
  const own = {
    name: "s",
    inputs: { constructor: spec("float32") },
    outputs: {},
  };
  await refused(
    model.predict(own, {}),
    "INVALID_ARGUMENT",
    /constructor is missing/,
  );
  await refused(model.predict(call, null), "INVALID_ARGUMENT", /object/);
});

for (const [dtype, text, data, shape] of [
  [
    "float32",
    "[NaN, -Infinity, Infinity, -0.0, 9e+06]",
    new Float32Array([NaN, -Infinity, Infinity, -0, 9e6]),
    [5],
  ],
  ["float32", "0.333333343", new Float32Array([1 / 3]), []],
  [
    "float64",
    "[0.33333333333333331, 1e-50, 1.7976931348623157e+308]",
    new Float64Array([1 / 3, 1e-50, Number.MAX_VALUE]),
    [3],
  ],
  [
    "int64",
    "[[9223372036854775807], [-9223372036854775808]]",
    new BigInt64Array([2n ** 63n - 1n, -(2n ** 63n)]),
    [2, 1],
  ],
  [
    "uint64",
    "[18446744073709551615, 5]",
    new BigUint64Array([2n ** 64n - 1n, 5n]),
    [2],
  ],
  ["int8", "[-128]", new Int8Array([-128]), [1]],
  ["bool", "[[true, false]]", [true, false], [1, 2]],
  [
    "string",
    '["a\\"b", "\u2028é", "\\u0000", "\ufeff"]',
    ['a"b', "\u2028é", "\0", "\ufeff"],
    [4],
  ],
  ["float32", "[]", new Float32Array(0), [0]],
  ["float32", "[[], []]", new Float32Array(0), [2, 0]],
]) {
  test(`${dtype} output ${text} is read`, async () => {
    const result = await received(
      spec(dtype, null, "y"),
      `{"outputs": ${text}}`,
    );
    assert.deepEqual(result, { data, shape });
  });
}

const numbers = { name: "s", inputs: {}, outputs: {} };
const typed = {
  ...numbers,
  features: {
    f: { name: "f f", dtype: "float32", shape: [], required: true },
    i: { name: "i", dtype: "int64", shape: null },
    s: { name: "s", dtype: "string", shape: [2] },
    rows: { name: "rows", dtype: "float32", shape: [-1, 2] },
  },
};

/** The JSON text that a regress request is sent as, for these inputs. */
async function sentExamples(signature, inputs, count = 1) {
  answerWith({
    status: 200,
    body: `{"results": [${Array(count).fill("1.0")}]}`,
  });
  await open(url).regress(signature, inputs);
  return requests.at(-1).body;
}

for (const [signature, example, text] of [
  [typed, { f: 1 }, '{"f f":[1.0]}'],
  [
    typed,
    { f: NaN, i: [1, 2n ** 62n] },
    '{"f f":[NaN],"i":[1,4611686018427387904]}',
  ],
  [typed, { f: [3], i: [] }, '{"f f":[3.0],"i":[]}'],
  [typed, { f: 1, i: undefined }, '{"f f":[1.0]}'],
  [typed, { f: 1, i: new Int8Array([7]) }, '{"f f":[1.0],"i":[7]}'],
  [
    typed,
    { f: 1, s: ["é", new Uint8Array([255])] },
    '{"f f":[1.0],"s":["é",{"b64":"/w=="}]}',
  ],
  [
    typed,
    { f: 1, rows: new Float32Array(4) },
    '{"f f":[1.0],"rows":[0.0,0.0,0.0,0.0]}',
  ],
  [numbers, { "a b": 1, c: 2n, d: "x" }, '{"a b":[1.0],"c":[2],"d":["x"]}'],
  [numbers, { a: new BigInt64Array([5n]), b: ["x"] }, '{"a":[5],"b":["x"]}'],
  [numbers, { a: new Uint8Array([1]) }, '{"a":[{"b64":"AQ=="}]}'],
]) {
  test(`an example is sent as ${text}`, async () => {
    const body = await sentExamples(signature, { examples: [example] });
    assert.equal(body, `{"signature_name":"s","examples":[${text}]}`);
  });
}

test("a context is sent; it may have what an example lacks", async () => {
  const inputs = { examples: [{}, { f: 2 }], context: { f: 1 } };
  assert.equal(
    await sentExamples(typed, inputs, 2),
    '{"signature_name":"s","context":{"f f":[1.0]},"examples":[{},{"f f":[2.0]}]}',
  );
});

for (const [signature, inputs, text] of [
  [typed, undefined, /inputs must be an object/],
  [typed, { examples: { f: 1 } }, /must be a list/],
  [typed, { examples: [] }, /there are no examples/],
  [typed, { examples: [{ f: 1 }, 5] }, /example 1 must be an object, not 5/],
  [typed, { examples: [{}] }, /example 0: feature f is missing/],
  [
    typed,
    { examples: [{ f: 1, g: 1 }] },
    /feature g is not one of .* f, i, s, rows/,
  ],
  [typed, { examples: [{ f: 1n }] }, /feature f holds 1n, but must be float32/],
  [typed, { examples: [{ f: [1, 2] }] }, /feature f has 2 values/],
  [typed, { examples: [{ f: 1e39 }] }, /1e\+39/],
  [typed, { examples: [{ f: 1, i: 1.5 }] }, /feature i holds 1.5/],
  [typed, { examples: [{ f: 1, i: 2n ** 63n }] }, /feature i/],
  [typed, { examples: [{ f: 1, i: 2 ** 53 }] }, /feature i .* give a bigint/],
  [typed, { examples: [{ f: 1, s: ["a"] }] }, /feature s has 1 values/],
  [typed, { examples: [{ f: 1, rows: [1] }] }, /feature rows has 1 values/],
  [typed, { examples: [{ f: null }] }, /holds null/],
  [typed, { examples: [{ f: 1 }], context: 3 }, /context must be an object/],
  [numbers, { examples: [{ a: [] }] }, /feature a is empty/],
  [numbers, { examples: [{ a: [1, 2n] }] }, /feature a holds 2n as a float32/],
  [numbers, { examples: [{ a: true }] }, /feature a holds true as a string/],
]) {
  test(`examples are refused: ${text}`, async () => {
    const before = requests.length;
    const call = open(url).classify(signature, inputs);
    await refused(call, "INVALID_ARGUMENT", text);
    assert.equal(requests.length, before);
  });
}
