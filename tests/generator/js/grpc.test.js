// What is written to gRPC and read from it.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { test } from "node:test";

import { Fault } from "../../../templates/js/serving/errors.js";
import * as grpc from "../../../templates/js/serving/grpc-messages.js";
import { Message } from "../../../templates/js/serving/protobuf-writer.js";
import {
  fromBits,
  toBits,
} from "../../../templates/js/serving/small-floats.js";
import { open, refused, signature, spec, tensor, url } from "./calls.mjs";

test("two floats for a list of complex numbers are refused with the form they take", async () => {
  const call = signature(spec("complex64", [-1]));
  const text = /complex64 \[-1\]; .* a list \[real, imaginary\] for each/;
  const predicted = open(url).predict(call, { x: [1, 2] });
  await refused(predicted, "INVALID_ARGUMENT", text);
});

for (const [dtype, value, text] of [
  ["float16", [65520], /holds, at index 0, 65520, but must be float16/],
  ["float16", new Float32Array([1e6]), /holds, at index 0, 1000000/],
  ["bfloat16", [3.4e38], /3.4e\+38/],
  ["int4", new Int8Array([8]), /holds, at index 0, 8/],
  ["uint16", [65536], /65536/],
  ["complex64", [1, 2, 3], /a list \[real, imaginary\] for each complex/],
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
    const request = grpc.writePredict({ name: "m" }, signature(spec(dtype)), [
      input,
    ]);
    assert.ok(request.length > 0);
  }
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
  ["no shape", new Message().varint(1, 1).chunk(5, new Uint8Array(8))],
  [
    "content and no shape",
    new Message().varint(1, 1).chunk(4, new Uint8Array(8)),
  ],
  [
    "an unknown rank",
    new Message()
      .varint(1, 1)
      .chunk(2, new Message().varint(3, 1))
      .chunk(5, new Uint8Array(4)),
  ],
  ["a group that does not end", new Uint8Array([8, 1, 11])],
  ["a group that ends as another", new Uint8Array([8, 1, 11, 20])],
  ["a group that does not start", new Uint8Array([8, 1, 12])],
  ["a field of number 0", new Uint8Array([8, 1, 0, 1])],
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

test("a missing shape is that of a scalar", () => {
  const value = new Uint8Array(new Float32Array([7]).buffer);
  for (const [tensor, wanted] of [
    [new Message().varint(1, 1).chunk(5, value), 7],
    [new Message().varint(1, 1).chunk(4, value), 7],
    [new Message().varint(1, 1).chunk(2, shapeOf()), 0],
    [new Message().varint(1, 1), 0],
  ]) {
    const { y } = grpc.readPredict({ outputs }, responseOf(tensor));
    assert.deepEqual(y, { data: new Float32Array([wanted]), shape: [] });
  }
});

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
    [new Uint8Array(), /lacks the output "y"; it has no outputs/],
    [other, /lacks the output "y"; it has "z"/],
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
