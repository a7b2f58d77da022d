// The JSON of numbers: as short as can be, and read as what was given.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { test } from "node:test";

import { JsonWriter } from "../../../templates/js/serving/json-writer.js";

function written(value, isSingle) {
  const json = new JsonWriter();
  json.float(value, isSingle);
  return json.toString();
}

test("floats are no longer than they need to be", () => {
  for (const [value, isSingle, text] of [
    [0, true, "0.0"],
    [-0, false, "-0.0"],
    [255, true, "255.0"],
    [-1234.5, true, "-1234.5"],
    [Math.fround(0.1), true, "0.1"],
    [Math.fround(0.1), false, "0.10000000149011612"],
    [Math.fround(1 / 3), true, "0.33333334"],
    [1e21, true, "1e+21"],
    [2 ** 53, false, "9007199254740992.0"],
    [Infinity, true, "Infinity"],
    [NaN, false, "NaN"],
  ]) {
    assert.equal(written(value, isSingle), text);
  }
});

test("every float is read as what it was", () => {
  const bits = new Uint32Array(2);
  const [singles, doubles] = [Float32Array, Float64Array].map(
    (array) => new array(bits.buffer),
  );
  for (let round = 0; round < 100_000; round++) {
    bits.set([Math.random() * 2 ** 32, Math.random() * 2 ** 32]);
    const decimal = Math.round(doubles[0] % 1e9) / 10 ** (round % 12);
    for (const value of [doubles[0], Math.random(), decimal]) {
      assert.ok(Object.is(Number(written(value, false)), value), `${value}`);
    }
    for (const value of [singles[0], Math.fround(Math.random() * 100)]) {
      const text = written(value, true);
      assert.ok(Object.is(Math.fround(Number(text)), value), `${value}`);
      assert.match(text, /[.eIN]/);
    }
  }
});
