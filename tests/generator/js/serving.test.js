// The runtime of generated JavaScript clients, as it stands in templates/js.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { ServingError } from "../../../templates/js/serving/errors.js";
import { Bound, TOO_BUSY } from "../../../templates/js/serving/bound.js";
import { Fault } from "../../../templates/js/serving/faults.js";
import * as grpc from "../../../templates/js/serving/grpc-answers.js";
import { ServedModel } from "../../../templates/js/serving/model.js";
import { writePredict } from "../../../templates/js/serving/grpc-requests.js";
import { Message } from "../../../templates/js/serving/protobuf.js";
import {
  fromBits,
  toBits,
} from "../../../templates/js/serving/small-floats.js";
import { checkServed } from "../../../templates/js/serving/verify.js";

const spec = (dtype, shape = null, name = "x") => ({ name, dtype, shape });
const signature = (input, output = spec("float32", null, "y")) => ({
  name: "s",
  inputs: { x: input },
  outputs: { y: output },
});

const open = (base, name = "m", options = {}) =>
  new ServedModel(base, { name, signatures: [] }, options);

// A server that keeps each request and answers what `answer` says.
const requests = [];
let answer = { status: 200, body: '{"outputs": 1.0}' };
let server, url;

before(async () => {
  server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    requests.push({ url: request.url, headers: request.headers, body });
    if (answer === undefined) return; // and never answer
    response.writeHead(answer.status);
    response.end(answer.body);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${server.address().port}`;
});

after(() => {
  server.closeAllConnections();
  server.close();
});

/** The JSON text that an input is sent as. */
async function sent(input, value) {
  answer = { status: 200, body: '{"outputs": 1.0}' };
  await open(url, "m").predict(signature(input), { x: value });
  const prefix = `{"signature_name":"s","inputs":{${JSON.stringify(input.name)}:`;
  const { body } = requests.at(-1);
  assert.ok(body.startsWith(prefix) && body.endsWith("}}"), body);
  return body.slice(prefix.length, -2);
}

/** What an answer with this output comes to. */
async function received(output, body) {
  answer = { status: 200, body };
  const call = signature(spec("float32"), output);
  return (await open(url, "m").predict(call, { x: 0 })).y;
}

async function refused(promise, code, text) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof ServingError, error);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  });
}

const tensor = (data, shape) => ({ data, shape });

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
  ["int64", null, [2 ** 53], /9007199254740992/],
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

test("outputs named ..._bytes are bytes", async () => {
  const result = await received(
    spec("string", null, "y_bytes"),
    '{"outputs": [{"b64": "/wA="}, {"b64": ""}]}',
  );
  assert.deepEqual(result.data, [new Uint8Array([255, 0]), new Uint8Array(0)]);
  assert.deepEqual(result.shape, [2]);
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
  answer = {
    status: 200,
    body: '{"more": {"a": [1, "}", null]}, "outputs": {"new": [{"b64": ""}], "b c": 2, "__proto__": [1.0]}}',
  };
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
  [
    '{"outputs": {"z": [1.0], "w": 2}}',
    /output "y"; the.* are "z", "w"; .*drift/,
  ],
  ['{"outputs": {}}', /lacks the output "y".*none at all.*tfsclient-gen drift/],
]) {
  test(`an answer that lacks an output is refused: ${body}`, async () => {
    await refused(received(spec("float32", null, "y"), body), "INTERNAL", text);
  });
}

test("a lone output that came instead of several is refused", async () => {
  answer = { status: 200, body: '{"outputs": [[1.0]]}' };
  const call = signature(spec("float32"), spec("float32", [-1], "a b"));
  call.outputs.z = spec("float32", [-1], "z");
  const text = /lacks the output "a b"; .* without a name.*tfsclient-gen drift/;
  await refused(open(url).predict(call, { x: 1 }), "INTERNAL", text);
});

for (const status of [301, 302, 303, 307, 308]) {
  test(`nothing follows a redirect: HTTP ${status}`, async () => {
    const others = [];
    const other = createServer((request, response) => {
      others.push(request.url);
      response.end('{"outputs": 6.0}');
    });
    await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
    const there = `http://127.0.0.1:${other.address().port}`;
    const gateway = createServer((request, response) => {
      response.writeHead(status, { location: there + request.url });
      response.end();
    });
    await new Promise((resolve) => gateway.listen(0, "127.0.0.1", resolve));
    const here = `http://127.0.0.1:${gateway.address().port}`;
    const model = open(here, "m", { headers: { "x-api-key": "secret" } });
    const text = new RegExp(
      `redirects to "${there}/v1/models/m:predict".*its base URL is ${there}$`,
    );
    const predict = () => model.predict(signature(spec("float32")), { x: 1 });
    await refused(predict(), "UNKNOWN", text);
    await assert.rejects(predict(), { httpStatus: status });
    assert.deepEqual(others, []);
    for (const server of [other, gateway]) {
      server.closeAllConnections();
      server.close();
    }
  });
}

test("redirects as browsers tell them, and followed ones, are refused", async () => {
  for (const response of [
    { type: "opaqueredirect", status: 0, url: "" },
    { type: "basic", status: 200, url: "http://o/x", redirected: true },
  ]) {
    const fetch = async (_, { redirect }) => {
      assert.equal(redirect, "manual");
      const answer = new Response('{"outputs": 1.0}');
      return new Proxy(answer, {
        get: (_, key) => {
          const value = response[key] ?? answer[key];
          return typeof value === "function" ? value.bind(answer) : value;
        },
      });
    };
    const call = open(url, "m", { fetch }).predict(signature(spec("float32")), {
      x: 1,
    });
    await refused(call, "UNKNOWN", /redirects to ".*", which this client/);
  }
});

for (const [inputs, outputs, text] of [
  [{}, { y: spec("float32") }, /over REST, .* without inputs; use gRPC/],
  [{ x: spec("float16") }, { y: spec("float32") }, /input x is float16/],
  [{ x: spec("float32") }, { y: spec("complex64") }, /output y is complex64/],
  [
    {
      x: spec("float32"),
      k: { ...spec("float32", null, "k"), hasDefault: true },
    },
    { y: spec("float32") },
    /no defaults, so input k is needed/,
  ],
]) {
  test(`what only gRPC carries is refused over REST: ${text}`, async () => {
    const before = requests.length;
    const given = "x" in inputs ? { x: 1 } : {};
    const call = { name: "s", inputs, outputs };
    await refused(open(url).predict(call, given), "UNIMPLEMENTED", text);
    assert.equal(requests.length, before);
  });
}

for (const [dtype, value, text] of [
  ["float16", [65520], /holds, at index 0, 65520, but must be float16/],
  ["float16", new Float32Array([1e6]), /holds, at index 0, 1000000/],
  ["bfloat16", [3.4e38], /3.4e\+38/],
  ["int4", new Int8Array([8]), /holds, at index 0, 8/],
  ["uint16", [65536], /65536/],
  ["complex64", [1, 2, 3], /a list \[real, imaginary\] for each element/],
  ["complex64", 1, /a list \[real, imaginary\]/],
  ["complex128", tensor([1, 2, 3], [3]), /has shape \[3\], but 3 values/],
]) {
  test(`${dtype} input ${text} is refused`, async () => {
    const call = open(url).predict(signature(spec(dtype)), { x: value });
    await refused(call, "INVALID_ARGUMENT", text);
  });
}

test("16 bits are rounded to the nearest float, and read back", () => {
  for (const [dtype, values, bits] of [
    ["float16", [1, -2, 65504, 65519.99], [0x3c00, 0xc000, 0x7bff, 0x7bff]],
    ["float16", [0, -0, Infinity, -Infinity], [0, 0x8000, 0x7c00, 0xfc00]],
    ["float16", [2 ** -24, 2 ** -25, 2 ** -25 * 1.0001], [1, 0, 1]],
    ["float16", [2 ** -14, 2 ** -14 - 2 ** -26], [0x400, 0x400]],
    // Halfway, and a bit of a double beyond it.
    ["float16", [1 + 2 ** -11, 1 + 2 ** -11 + 2 ** -40], [0x3c00, 0x3c01]],
    ["float16", [1 + 3 * 2 ** -11 - 2 ** -40], [0x3c01]],
    ["bfloat16", [1, -0, Infinity, 2 ** -133], [0x3f80, 0x8000, 0x7f80, 1]],
    ["bfloat16", [1 + 2 ** -8, 1 + 2 ** -8 + 2 ** -40], [0x3f80, 0x3f81]],
  ]) {
    assert.deepEqual(toBits(values, dtype), Uint16Array.from(bits), dtype);
  }
  for (const dtype of ["float16", "bfloat16"]) {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const values = fromBits(all, dtype);
    const back = toBits(values, dtype);
    values.forEach((value, i) => {
      if (Number.isNaN(value))
        assert.ok(Number.isNaN(fromBits(back.subarray(i, i + 1), dtype)[0]));
      else assert.equal(back[i], i);
    });
  }
});

test("bigints are sent as small integers, too", () => {
  for (const dtype of ["int8", "uint16", "int32", "qint16"]) {
    const input = { spec: spec(dtype), data: [5n, 7], shape: [2] };
    const request = writePredict({ name: "m" }, signature(spec(dtype)), [
      input,
    ]);
    assert.ok(request.length > 0);
  }
});

for (const [dtype, body] of [
  ["float32", ""],
  ["float32", "[1]"],
  ["float32", "{}"],
  ["float32", '{"outputs": [[1.0], 2.0]}'],
  ["float32", '{"outputs": [[1.0], [2.0, 3.0]]}'],
  ["float32", '{"outputs": [1.0, []]}'],
  ["float32", '{"outputs": [[], 1.0]}'],
  ["float32", '{"outputs": [1.0'],
  ["float32", '{"outputs": ["a"]}'],
  ["float32", '{"outputs": [null]}'],
  ["float32", '{"outputs": {"z": [1.0]}}'],
  ["float32", `{"outputs": ${"[".repeat(100_000)}`],
  ["int32", '{"outputs": [2147483648]}'],
  ["int32", '{"outputs": [1.0]}'],
  ["int64", '{"outputs": [9223372036854775808]}'],
  ["uint64", '{"outputs": [-1]}'],
  ["int64", `{"outputs": [${"9".repeat(100_000)}]}`],
  ["bool", '{"outputs": [1]}'],
  ["string", '{"outputs": [1]}'],
  ["string", '{"outputs": ["a]}'],
  ["string", Buffer.from('{"outputs": ["\xff"]}', "latin1")],
]) {
  test(`a strange answer is refused: ${dtype} ${String(body).slice(0, 40)}`, async () => {
    const call = received(spec(dtype, null, "y"), body);
    await refused(call, "INTERNAL", /not what this client was made for/);
  });
}

test("the server's error becomes a ServingError", async () => {
  const model = open(url, "m");
  for (const [status, body, code, text] of [
    [
      404,
      '{ "error": "Servable not found" }',
      "NOT_FOUND",
      /Servable not found/,
    ],
    [400, "", "INVALID_ARGUMENT", /no body/],
    [502, "<html>bad gateway</html>", "UNAVAILABLE", /bad gateway/],
    [418, "null", "INVALID_ARGUMENT", /418/],
    [599, "{", "UNKNOWN", /599/],
  ]) {
    answer = { status, body };
    const call = model.predict(signature(spec("float32")), { x: 1 });
    await refused(call, code, text);
    await assert.rejects(model.predict(signature(spec("float32")), { x: 1 }), {
      httpStatus: status,
    });
  }
});

test("the URL names model, version and label", async () => {
  answer = { status: 200, body: '{"outputs": 1.0}' };
  for (const [name, options, path] of [
    ["m", {}, "/v1/models/m:predict"],
    ["a/b?c#d%41 é:", {}, "/v1/models/a%2Fb%3Fc%23d%2541%20%C3%A9%3A:predict"],
    [
      "m",
      { model: "other", version: 3 },
      "/v1/models/other/versions/3:predict",
    ],
    [
      "m",
      { version: 2n ** 63n - 1n },
      "/v1/models/m/versions/9223372036854775807:predict",
    ],
    ["m", { label: "a b" }, "/v1/models/m/labels/a%20b:predict"],
  ]) {
    const model = open(`${url}/`, name, options);
    await model.predict(signature(spec("float32")), { x: 1 });
    assert.equal(requests.at(-1).url, path);
  }
  const below = open(new URL("/tf/", url), "m");
  await below.predict(signature(spec("float32")), { x: 1 });
  assert.equal(requests.at(-1).url, "/tf/v1/models/m:predict");
});

test("a client that cannot work is refused at once", () => {
  for (const [base, name, options] of [
    ["localhost:8501", "m"],
    ["nowhere", "m"],
    ["http://h?x=1", "m"],
    ["http://user:pw@h", "m"],
    [url, ""],
    [url, ".."],
    [url, "\ud800"],
    [url, "m", { version: 1, label: "a" }],
    [url, "m", { version: -1 }],
    [url, "m", { version: 1.5 }],
    [url, "m", { version: "1" }],
    [url, "m", { timeoutMs: 0 }],
    [url, "m", { timeoutMs: NaN }],
  ]) {
    assert.throws(() => open(base, name, options), {
      name: "ServingError",
      code: "INVALID_ARGUMENT",
    });
  }
});

test("no header of ours needs a CORS preflight; the user's are sent", async () => {
  answer = { status: 200, body: '{"outputs": 1.0}' };
  const headers = { Authorization: "Bearer t" };
  const model = open(url, "m", { headers });
  await model.predict(signature(spec("float32")), { x: 1 });
  const received = requests.at(-1).headers;
  assert.match(received["content-type"] ?? "text/plain", /^text\/plain/);
  assert.equal(received.authorization, "Bearer t");
});

test("timeouts, aborts and unreachable servers have codes", async () => {
  answer = undefined;
  const call = signature(spec("float32"));
  const model = open(url, "m", { timeoutMs: 20 });
  await refused(model.predict(call, { x: 1 }), "DEADLINE_EXCEEDED", /20 ms/);
  const abort = new AbortController();
  const options = { signal: abort.signal, timeoutMs: Infinity };
  const pending = model.predict(call, { x: 1 }, options);
  setTimeout(() => abort.abort("enough"), 20);
  await refused(pending, "CANCELLED", /aborted/);
  await refused(model.predict(call, { x: 1 }, options), "CANCELLED", /aborted/);
  const late = { signal: AbortSignal.timeout(20), timeoutMs: Infinity };
  const timedOut = model.predict(call, { x: 1 }, late);
  await refused(timedOut, "DEADLINE_EXCEEDED", /signal timed out/);
  await refused(
    model.predict(call, { x: 1 }, late),
    "DEADLINE_EXCEEDED",
    /signal timed out/,
  );
  const nobody = open("http://127.0.0.1:1", "m");
  const text = /cannot reach http:\/\/127\.0\.0\.1:1: /;
  await refused(nobody.predict(call, { x: 1 }), "UNAVAILABLE", text);
});

test("a fetch of the user's own is used", async () => {
  const fetch = async () => new Response('{"outputs": 3.0}');
  const model = open(url, "m", { fetch });
  const result = await model.predict(signature(spec("float32")), { x: 1 });
  assert.deepEqual(result.y, tensor(new Float32Array([3]), []));
});

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
  answer = { status: 200, body: `{"results": [${Array(count).fill("1.0")}]}` };
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
  [typed, { examples: [{ f: 1, g: 1 }] }, /feature g is none.*: f, i, s, rows/],
  [typed, { examples: [{ f: 1n }] }, /feature f holds 1n, but must be float32/],
  [typed, { examples: [{ f: [1, 2] }] }, /feature f has 2 values/],
  [typed, { examples: [{ f: 1e39 }] }, /1e\+39/],
  [typed, { examples: [{ f: 1, i: 1.5 }] }, /feature i holds 1.5/],
  [typed, { examples: [{ f: 1, i: 2n ** 63n }] }, /feature i/],
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

const one = { examples: [{ a: 1 }] };

test("classes have labels and scores", async () => {
  const body = '{ "results": [[["é", 0.1], ["", -Infinity]]] }';
  answer = { status: 200, body };
  assert.deepEqual(await open(url).classify(numbers, one), [
    [
      { label: "é", score: Math.fround(0.1) },
      { label: "", score: -Infinity },
    ],
  ]);
  assert.equal(requests.at(-1).url, "/v1/models/m:classify");
});

test("regressions are numbers", async () => {
  answer = { status: 200, body: '{ "results": [NaN] }' };
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
    answer = { status: 200, body };
    const call = open(url)[method](numbers, one);
    await refused(call, "INTERNAL", /not what this client was made for/);
  });
}

/** A fetch whose calls end as told, one after the other. */
function fetchOf(...ends) {
  const fetch = async () => {
    fetch.calls++;
    const end = ends.shift();
    if (end instanceof Error) throw end;
    return new Response(end.body ?? '{"outputs": 1.0}', end);
  };
  fetch.calls = 0;
  return fetch;
}

const call = (fetch, options) =>
  open(url, "m", { fetch, ...options }).predict(signature(spec("float32")), {
    x: 1,
  });
const down = { status: 503 };
const nobody = () => Object.assign(new Error("no"), { code: "ECONNREFUSED" });

test("a call is sent again while the server is unavailable", async () => {
  const cause = new TypeError("fetch failed", { cause: nobody() });
  for (const ends of [
    [down, down, {}],
    [cause, nobody(), {}],
  ]) {
    const fetch = fetchOf(...ends);
    assert.deepEqual((await call(fetch)).y.data, new Float32Array([1]));
    assert.equal(fetch.calls, 3);
  }
});

test("it is not sent again for ever, nor for other reasons", async () => {
  for (const [ends, options, code, calls] of [
    [[down, down, down, {}], {}, "UNAVAILABLE", 3],
    [[down, {}], { retries: 0 }, "UNAVAILABLE", 1],
    [[down, {}], { timeoutMs: 40 }, "UNAVAILABLE", 1],
    [[{ status: 502 }, {}], {}, "UNAVAILABLE", 1],
    [[{ status: 500 }, {}], {}, "INTERNAL", 1],
    [[{ status: 504 }, {}], {}, "DEADLINE_EXCEEDED", 1],
    [[new TypeError("Failed to fetch"), {}], {}, "UNAVAILABLE", 1],
  ]) {
    const fetch = fetchOf(...ends);
    await refused(call(fetch, options), code, /./);
    assert.equal(fetch.calls, calls);
  }
});

test("an abort ends the wait before a call is sent again", async () => {
  const abort = new AbortController();
  const fetch = async () => {
    abort.abort();
    return new Response("", down);
  };
  const model = open(url, "m", { fetch });
  const options = { signal: abort.signal };
  const waiting = model.predict(signature(spec("float32")), { x: 1 }, options);
  await refused(waiting, "CANCELLED", /aborted/);
});

const served = (dtype) => ({
  metadata: {
    signature_def: {
      signature_def: {
        s: {
          inputs: {
            x: { dtype: "DT_FLOAT", tensor_shape: { unknown_rank: true } },
          },
          outputs: {
            y: { dtype, tensor_shape: { dim: [{ size: "-1" }] } },
          },
        },
      },
    },
  },
});

test("the server is asked once whether its model fits", async () => {
  const urls = [];
  let metadata = JSON.stringify(served("DT_HALF"));
  const fetch = async (to) => {
    urls.push(to.replace(url, ""));
    if (to.endsWith("/metadata")) return new Response(metadata);
    return new Response('{"outputs": [1.0]}');
  };
  const call = signature(spec("float32"), spec("float32", [-1], "y"));
  const model = new ServedModel(
    url,
    { name: "m", signatures: [call] },
    { fetch, verify: true },
  );
  const predict = () => model.predict(call, { x: 1 });
  const text = /output "y" is float16 \[-1\], not float32 \[-1\]/;
  await refused(predict(), "FAILED_PRECONDITION", text);
  metadata = "[]";
  await refused(predict(), "INTERNAL", /holds no signatures/);
  metadata = JSON.stringify(served("DT_FLOAT_REF"));
  await Promise.all([predict(), predict()]);
  await predict();
  const [ask, go] = ["/v1/models/m/metadata", "/v1/models/m:predict"];
  assert.deepEqual(urls, [ask, ask, ask, go, go, go]);
});

test("options that cannot work are refused", () => {
  for (const options of [
    { retries: -1 },
    { retries: 1.5 },
    { headers: { "a b": "c" } },
    { label: "\ud800" },
  ]) {
    assert.throws(() => open(url, "m", options), { code: "INVALID_ARGUMENT" });
  }
  assert.throws(() => open(null), { code: "INVALID_ARGUMENT" });
});

/** A PredictResponse whose one output, "y", is this TensorProto. */
const responseOf = (tensor) =>
  new Message()
    .chunk(1, new Message().chunk(1, "y").chunk(2, tensor))
    .toBytes();
const shapeOf = (...sizes) =>
  sizes.reduce(
    (shape, size) => shape.chunk(2, new Message().varint(1, size)),
    new Message(),
  );
const { outputs } = signature(spec("float32"), spec("float32", null, "y"));

test("text is sent as UTF-8, however long it is", () => {
  for (const text of ["", "é\u2028😀", "é".repeat(100_000)]) {
    const bytes = new Message().chunk(1, text).toBytes();
    assert.deepEqual(
      bytes,
      new Message().chunk(1, Uint8Array.from(Buffer.from(text))).toBytes(),
    );
  }
});

test("a message of 2 GiB is refused before it is made", () => {
  const part = new Uint8Array(2 ** 28);
  const message = new Message();
  for (let i = 0; i < 8; i++) message.chunk(1, part);
  assert.throws(
    () => message.toBytes(),
    (fault) => fault instanceof Fault && fault.code === "INVALID_ARGUMENT",
  );
});

for (const [what, tensor] of [
  ["another dtype", new Message().varint(1, 9).chunk(2, shapeOf())],
  ["a negative size", new Message().varint(1, 1).chunk(2, shapeOf(-1))],
  ["far too many", new Message().varint(1, 1).chunk(2, shapeOf(2 ** 40))],
  [
    "a huge shape",
    new Message().varint(1, 1).chunk(2, shapeOf(2 ** 40, 2 ** 40)),
  ],
  [
    "half a number",
    new Message().varint(1, 1).chunk(2, shapeOf(1)).chunk(5, new Uint8Array(3)),
  ],
  [
    "short content",
    new Message().varint(1, 1).chunk(2, shapeOf(2)).chunk(4, new Uint8Array(4)),
  ],
  ["a group", new Uint8Array([8, 1, 11])],
  ["a cut varint", new Uint8Array([8, 128])],
  ["a long varint", new Uint8Array([8, ...Array(11).fill(255), 1])],
  ["a cut chunk", new Uint8Array([18, 100, 0])],
]) {
  test(`a tensor with ${what} is refused`, () => {
    assert.throws(
      () => grpc.readPredict({ outputs }, responseOf(tensor)),
      (fault) => fault instanceof Fault && fault.code === "INTERNAL",
    );
  });
}

test("whatever bytes come, they are read or refused", () => {
  const whole = responseOf(
    new Message().varint(1, 1).chunk(2, shapeOf(2)).chunk(5, new Uint8Array(8)),
  );
  for (let round = 0; round < 5000; round++) {
    const bytes = Uint8Array.from(whole);
    for (let i = 0; i < 3; i++) {
      bytes[Math.floor(Math.random() * bytes.length)] = Math.random() * 256;
    }
    for (const read of [
      () => grpc.readPredict({ outputs }, bytes),
      () => grpc.readClassify(bytes, 1),
      () => grpc.readRegress(bytes, 1),
      () => grpc.readMetadata(bytes),
    ]) {
      try {
        read();
      } catch (problem) {
        assert.ok(problem instanceof Fault, problem);
      }
    }
  }
});

test("an answer over gRPC that lacks an output is refused", () => {
  const other = new Message()
    .chunk(1, new Message().chunk(1, "z").chunk(2, new Message()))
    .toBytes();
  for (const [response, text] of [
    [new Uint8Array(), /lacks the output "y".* none at all/],
    [other, /lacks the output "y"; the outputs in it are "z"/],
  ]) {
    assert.throws(
      () => grpc.readPredict({ outputs }, response),
      (fault) => {
        const { code, message } = fault.toError();
        return (
          code === "INTERNAL" && text.test(message) && /drift/.test(message)
        );
      },
    );
  }
});

test("faults and errors of another package's copy are known", async () => {
  const copy = "../../../templates/js/serving";
  const other = await import(`${copy}/faults.js?copy`);
  const { ServingError: Other } = await import(`${copy}/errors.js?copy`);
  let calls = 0;
  const down = async () => {
    calls++;
    throw new other.Fault("UNAVAILABLE", "down", { mayRetry: true });
  };
  const connection = { close() {}, to: () => ({ predict: () => down }) };
  const call = open(connection).predict(signature(spec("float32")), { x: 1 });
  const error = await call.catch((error) => error);
  assert.equal(calls, 3);
  assert.equal(error.code, "UNAVAILABLE");
  assert.ok(error instanceof ServingError && error instanceof Other);
  class Own extends ServingError {}
  const own = new Own("UNKNOWN", "");
  assert.ok(own instanceof Own && own instanceof ServingError);
  assert.ok(!(error instanceof Own) && !(new Error() instanceof ServingError));
  assert.ok(!({} instanceof ServingError) && !(null instanceof ServingError));
});

test("what cannot be seen in a name is an escape in errors", async () => {
  const name = "a\u202e\u200b\u0007\u2028\ue000é\u{e0001}";
  const call = { ...signature(spec("float32")), name };
  for (const failing of [
    open(url, name).predict(call, { [name]: 1 }),
    received(spec("float32", null, name), '{"outputs": {"\u202e": 1}}'),
  ]) {
    const { message } = await failing.catch((error) => error);
    assert.match(message, /^[^\p{C}\p{Zl}\p{Zp}]+$/u);
    assert.match(
      message,
      /a\\u202e\\u200b\\u0007\\u2028\\ue000é\\udb40\\udc01/,
    );
  }
});

const forever = new AbortController().signal;

test("a burst of refusals halves the bound once, and successes raise it", async () => {
  const bound = new Bound();
  for (let i = 0; i < 8; i++) await bound.enter(forever, false);
  const { burst } = bound;
  const order = [];
  const again = [];
  for (let i = 0; i < 4; i++) {
    bound.leave(burst, true);
    again.push(bound.enter(forever, true).then(() => order.push("refused")));
  }
  const late = bound.enter(forever, false).then(() => order.push("new"));
  await Promise.resolve();
  assert.deepEqual(order, []); // four are under way, as many as may be
  for (let i = 0; i < 4; i++) bound.leave(bound.burst, false);
  await Promise.all(again);
  assert.deepEqual(order.slice(0, 4), Array(4).fill("refused"));
  bound.leave(bound.burst, false);
  await late;
});

test("who waits for a place may give up, with a hint", async () => {
  const bound = new Bound();
  await bound.enter(forever, false);
  bound.leave(bound.burst, true);
  const abort = new AbortController();
  const waiting = bound.enter(abort.signal, true);
  abort.abort();
  await assert.rejects(waiting, (fault) => fault.options.hint === TOO_BUSY);
  await bound.enter(forever, false); // after a pause, as nothing is under way
  bound.open();
});

for (const [what, was, is, isFine] of [
  ["input", [-1, 4], [-1, 4], true],
  ["input", [-1, 4], [8, 4], false],
  ["input", [8, 4], [-1, 4], true],
  ["input", null, [-1], false],
  ["input", [-1], null, true],
  ["output", [-1, 4], [8, 4], true],
  ["output", [8, 4], [-1, 4], false],
  ["output", null, [2], true],
  ["output", [2], null, false],
  ["output", [2], [2, 1], false],
]) {
  test(`${what} ${JSON.stringify(was)} that is ${JSON.stringify(is)} now`, () => {
    const same = ["float32", [-1]];
    const call = (shape) => ({
      inputs: what === "input" ? ["float32", shape] : same,
      outputs: what === "output" ? ["float32", shape] : same,
    });
    const known = call(was);
    const now = call(is);
    const model = {
      name: "m",
      signatures: [
        {
          name: "s",
          inputs: { t: spec(...known.inputs, "t") },
          outputs: { t: spec(...known.outputs, "t") },
        },
      ],
    };
    const tensors = ([dtype, shape]) => new Map([["t", { dtype, shape }]]);
    const served = new Map([
      [
        "s",
        {
          inputs: tensors(now.inputs),
          outputs: tensors(now.outputs),
          defaults: new Set(),
        },
      ],
    ]);
    const check = () => checkServed(model, served);
    if (isFine) check();
    else assert.throws(check, (fault) => fault.code === "FAILED_PRECONDITION");
  });
}

test("an input that is new, or has no default any more, is noticed", () => {
  const old = { ...spec("float32", [], "k"), hasDefault: true };
  const model = {
    name: "m",
    signatures: [{ name: "s", inputs: { k: old }, outputs: {} }],
  };
  const tensor = { dtype: "float32", shape: [] };
  const served = (names, defaults) =>
    new Map([
      [
        "s",
        {
          inputs: new Map(names.map((name) => [name, tensor])),
          outputs: new Map(),
          defaults: new Set(defaults),
        },
      ],
    ]);
  checkServed(model, served(["k", "n"], ["k", "n"]));
  for (const [names, defaults, text] of [
    [["k"], [], /input "k" has no default any more/],
    [["k", "n"], ["k"], /input "n" is new, float32 \[\]/],
  ]) {
    assert.throws(
      () => checkServed(model, served(names, defaults)),
      (fault) => text.test(fault.details),
    );
  }
});
