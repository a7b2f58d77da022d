// What a server's answers over REST come to.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  answerWith,
  open,
  received,
  refused,
  requests,
  signature,
  spec,
  tensor,
  url,
} from "./calls.mjs";

test("outputs named ..._bytes are bytes", async () => {
  const result = await received(
    spec("string", null, "y_bytes"),
    '{"outputs": [{"b64": "/wA="}, {"b64": ""}]}',
  );
  assert.deepEqual(result.data, [new Uint8Array([255, 0]), new Uint8Array(0)]);
  assert.deepEqual(result.shape, [2]);
});

test("strings are text that is UTF-8, or bytes", async () => {
  const output = spec("string", null, "y");
  const body = Buffer.concat([
    Buffer.from(
      '{"outputs": ["\\n\\u0000\\\\u00e9\\ud83d\\ude00\\u00e9", "é", "',
    ),
    Buffer.from([255, 0x80]),
    Buffer.from('"]}'),
  ]);
  const { data } = await received(output, body, { strings: "bytes" });
  const texts = ["\n\0\\u00e9😀é", "é"];
  assert.deepEqual(data, [
    ...texts.map((text) => new TextEncoder().encode(text)),
    new Uint8Array([255, 0x80]),
  ]);
  const text = /output "y" holds bytes .* not UTF-8; .* strings: "bytes"/;
  await refused(received(output, body), "FAILED_PRECONDITION", text);
  const bad = received(output, body, { strings: "latin1" });
  await refused(bad, "INVALID_ARGUMENT", /must be "text" or "bytes"/);
});

test("every float is read as JSON.parse reads it", async () => {
  const bits = new DataView(new ArrayBuffer(8));
  const values = Array.from({ length: 5000 }, (_, i) => {
    bits.setUint32(0, Math.random() * 2 ** 32);
    bits.setUint32(4, Math.random() * 2 ** 32);
    return i % 2 ? bits.getFloat64(0) : Math.random() * 10 ** (i % 40);
  }).filter(Number.isFinite);
  const text = JSON.stringify(values);
  const result = await received(
    spec("float64", null, "y"),
    `{"outputs":${text}}`,
  );
  assert.deepEqual(result.data, new Float64Array(JSON.parse(text)));
});

test("several outputs come by name; an unknown one is passed over", async () => {
  answerWith({
    status: 200,
    body: '{"more": {"a": [1, "}", null]}, "outputs": {"new": [{"b64": ""}], "b c": 2, "__proto__": [1.0]}}',
  });
  const call = {
    name: "s",
    inputs: { x: spec("float32") },
    outputs: {
      proto: spec("float32", [-1], "__proto__"),
      bC: spec("int32", [], "b c"),
    },
  };
  const result = await open(url, "m").predict(call, { x: 1 });
  assert.deepEqual(result, {
    proto: tensor(new Float32Array([1]), [1]),
    bC: tensor(new Int32Array([2]), []),
  });
});

test("a lone output may come by name, beside a new one", async () => {
  const body = '{"outputs": {"z": [1], "y": [2.0]}}';
  const result = await received(spec("float32", null, "y"), body);
  assert.deepEqual(result.data, new Float32Array([2]));
});

for (const [dtype, declared, text, shape] of [
  ["float32", [-1, 4], "[]", [0, 4]],
  ["float32", [-1, -1, 4], "[[], []]", [2, 0, 4]],
  ["string", [-1, -1, 3], "[]", [0, 0, 3]],
  ["int64", [-1, 0, 5], "[[]]", [1, 0, 5]],
  ["bool", null, "[[]]", [1, 0]],
  ["float32", [-1], "[]", [0]],
]) {
  test(`no rows of ${dtype} [${declared}] have shape [${shape}]`, async () => {
    const output = spec(dtype, declared, "y");
    const result = await received(output, `{"outputs": ${text}}`);
    assert.deepEqual(result.shape, shape);
    assert.equal(result.data.length, 0);
  });
}

for (const [body, text] of [
  ['{"outputs": {"z": [1.0], "w": 2}}', /output "y"; it has "z", "w"; .*drift/],
  [
    '{"outputs": {}}',
    /lacks the output "y"; it has no outputs.*tfsclient-gen drift/,
  ],
]) {
  test(`an answer that lacks an output is refused: ${body}`, async () => {
    await refused(received(spec("float32", null, "y"), body), "INTERNAL", text);
  });
}

test("a lone output that came instead of several is refused", async () => {
  answerWith({ status: 200, body: '{"outputs": [[1.0]]}' });
  const call = signature(spec("float32"), spec("float32", [-1], "a b"));
  call.outputs.z = spec("float32", [-1], "z");
  const text = /lacks the output "a b"; .* without a name.*tfsclient-gen drift/;
  await refused(open(url).predict(call, { x: 1 }), "INTERNAL", text);
});

for (const [dtype, body] of [
  ["float32", "[1]"],
  ["float32", "{}"],
  ["float32", '{"outputs": [[1.0], 2.0]}'],
  ["float32", '{"outputs": [[1.0], [2.0, 3.0]]}'],
  ["float32", '{"outputs": [1.0, []]}'],
  ["float32", '{"outputs": [[], 1.0]}'],
  ["float32", '{"outputs": [1.0'],
  ["float32", '{"outputs": {"z": [1.0]}}'],
  ["float32", `{"outputs": ${"[".repeat(100_000)}`],
  ["int64", '{"outputs": [9223372036854775808]}'],
  ["uint64", '{"outputs": [-1]}'],
  ["int64", `{"outputs": [${"9".repeat(100_000)}]}`],
  ["bool", '{"outputs": [1]}'],
  ["string", '{"outputs": [1]}'],
  ["string", '{"outputs": ["a]}'],
  ["string", '{"outputs": ["\\x"]}'],
]) {
  test(`a strange answer is refused: ${dtype} ${String(body).slice(0, 40)}`, async () => {
    const call = received(spec(dtype, null, "y"), body);
    await refused(call, "INTERNAL", /not what this client was made for/);
  });
}

for (const [dtype, body, text] of [
  ["float32", "", /: the answer is empty$/],
  [
    "float32",
    '{"outputs": [1]} trailing',
    /text follows the JSON \(at byte 17/,
  ],
  ["float32", '{"outputs": [1]}}', /text follows/],
  ["float32", '{"outputs": [1e999]}', /1e999 is beyond the range of float64/],
  ["float64", '{"outputs": [-1e309]}', /-1e309 is beyond the range of float64/],
  ["float32", '{"outputs": [1e39]}', /"y", float32 of any shape, holds 1e\+39/],
  ["float32", '{"outputs": [1, null]}', /holds null/],
  ["float32", '{"outputs": ["a b"]}', /holds "a b"/],
  ["float32", '{"outputs": [true]}', /holds true/],
  ["float32", '{"outputs": [{"b64": ""}]}', /holds an object/],
  ["int32", '{"outputs": [1.0]}', /holds 1.0/],
  ["int32", '{"outputs": [2147483648]}', /holds 2147483648/],
  ["bool", '{"outputs": ', /holds nothing/],
  ...["01", "-01", "1.", "1.e5", "1e", "1e+", ".5", "+1"].map((number) => [
    "float32",
    `{"outputs": ${number}}`,
    /"y", float32 of any shape, holds /,
  ]),
  ["int64", '{"outputs": 01}', /holds 01/],
  ["string", '{"outputs": "a\nb"}', /a string has a control character/],
  ["string", '{"outputs": "\\ud83d"}', /a string is malformed/],
  ["string", '{"outputs": "\\ude00\\ud83d"}', /a string is malformed/],
]) {
  test(`a wrong answer is refused with its reason: ${dtype} ${body}`, async () => {
    await refused(received(spec(dtype, null, "y"), body), "INTERNAL", text);
  });
}

test("of two members of one name, the last one counts", async () => {
  const body =
    '{"outputs": {"y": [1.0]}, "outputs": {"y": [2.0], "y": [3.0]}}\n';
  const result = await received(spec("float32", null, "y"), body);
  assert.deepEqual(result.data, new Float32Array([3]));
});

const numbers = { name: "s", inputs: {}, outputs: {} };
const one = { examples: [{ a: 1 }] };

test("classes have labels and scores", async () => {
  const body = '{ "results": [[["é", 0.1], ["", -Infinity]]] }';
  answerWith({ status: 200, body });
  assert.deepEqual(await open(url).classify(numbers, one), [
    [
      { label: "é", score: Math.fround(0.1) },
      { label: "", score: -Infinity },
    ],
  ]);
  assert.equal(requests.at(-1).url, "/v1/models/m:classify");
});

test("regressions are numbers", async () => {
  answerWith({ status: 200, body: '{ "results": [NaN] }' });
  assert.deepEqual(
    await open(url).regress(numbers, one),
    new Float32Array([NaN]),
  );
  assert.equal(requests.at(-1).url, "/v1/models/m:regress");
});

for (const [method, body] of [
  ["classify", '{"results": []}'],
  ["classify", '{"results": [[], []]}'],
  ["classify", '{"results": [[["a"]]]}'],
  ["classify", '{"results": [[["a", "b"]]]}'],
  ["classify", '{"results": [1.0]}'],
  ["classify", '{"result": [[["a", 1.0]]]}'],
  ["regress", '{"results": [1.0, 2.0]}'],
  ["regress", '{"results": 1.0}'],
  ["regress", '{"results": [[1.0]]}'],
  ["regress", "{}"],
]) {
  test(`a strange answer is refused: ${method} ${body}`, async () => {
    answerWith({ status: 200, body });
    const call = open(url)[method](numbers, one);
    await refused(call, "INTERNAL", /not what this client was made for/);
  });
}
