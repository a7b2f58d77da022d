// Whether a client still fits the model that is served.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { test } from "node:test";

import { ServedModel } from "../../../templates/js/serving/model.js";
import { checkServed } from "../../../templates/js/serving/verify.js";
import { refused, signature, spec, url } from "./calls.mjs";

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
