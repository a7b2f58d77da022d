// Right and wrong use of generated clients; the compiler is to tell them apart.

import { DtypesClient, type IdStringResult } from "./dtypes.js";
import { connect } from "./grpc.js";
import {
  EstimatorClient,
  FeatureSpecClient,
  HalfPlusTwoClient,
  ServingError,
  type Code,
  versionOf,
  type CallInfo,
  type Classification,
  type halfPlusTwo,
  type Tensor,
} from "./index.js";
import { MlpClient, pixelsOf, type Pixels } from "./mlp.js";
import { RanksClient, type UnevenResult } from "./ranks.js";
import { RawPngClient } from "./raw_png.js";

const half = new HalfPlusTwoClient(new URL("http://h"), {
  version: 1,
  headers: { a: "b" },
  retries: 0,
  verify: true,
});
const input: halfPlusTwo.ServingDefaultInput = { x: [[1], [2]] };
const result: halfPlusTwo.ServingDefaultResult = await half.servingDefault(
  input,
  { timeoutMs: 5 },
);
const y: Tensor<Float32Array> = result.y;
const floats: Float32Array = y.data;
const shape: readonly number[] = y.shape;
await half.servingDefault({ x: { data: floats, shape } });
await half.servingDefault({ x: [new Float64Array(1)] });
// @ts-expect-error strings are no floats
await half.servingDefault({ x: [["1"]] });
// @ts-expect-error x is missing
await half.servingDefault({});
// @ts-expect-error there is no z
await half.servingDefault({ x: [[1]], z: 1 });

const classes = await half.classifyTwo({ examples: [{ x: 1 }, { x: [2] }] });
const score: number | undefined = classes[0]?.[0]?.score;
const label: string | undefined = classes[0]?.[0]?.label;
const numbers: Float32Array = await half.regressXToY({
  examples: [{ x2: 1 }],
  context: { x: 2 },
});
// @ts-expect-error x is missing
await half.classifyTwo({ examples: [{ x2: 1 }] });
// @ts-expect-error there is no feature z
await half.classifyTwo({ examples: [{ x: 1, z: 1 }] });
// @ts-expect-error a float is no integer
await half.classifyTwo({ examples: [{ x: 1n }] });

const features = new FeatureSpecClient("http://h");
await features.servingDefault({
  examples: [
    { fRequired: 1, iFixed: [1, 2n, 3], sVar: ["a", new Uint8Array(1)] },
    new Uint8Array(3),
  ],
});
// @ts-expect-error three values are no one value
await features.servingDefault({ examples: [{ fRequired: 1, iFixed: 1 }] });
await new EstimatorClient("http://h").predict({
  examples: { data: [{ a: "x", b: 1 }], shape: [1] },
});

const connection = connect("localhost:8500");
const dtypes = new DtypesClient(connection, { label: "stable", fetch });
const big: BigInt64Array = (await dtypes.idInt64({ x: [1n, 2] })).y.data;
const unsigned: BigUint64Array = (
  await dtypes.idUint64({ x: new BigUint64Array(1) })
).y.data;
const flags: boolean[] = (await dtypes.idBool({ x: [true] })).y.data;
const texts: string[] = (await dtypes.idString({ x: ["a", new Uint8Array(1)] }))
  .y.data;
const strings = { strings: "bytes" } as const;
const raw: Tensor<Uint8Array[]> = (
  await dtypes.idString({ x: ["a"] }, { ...strings, timeoutMs: 5 })
).y;
const typed: IdStringResult = await dtypes.idString({ x: "a" }, {});
const bytesResult: IdStringResult<"bytes"> = { y: raw };
// @ts-expect-error text is no bytes
typed.y = bytesResult.y;
// @ts-expect-error there are no other forms
await dtypes.idString({ x: "a" }, { strings: "latin1" });
// @ts-expect-error a call without strings has no such option
await dtypes.idBool({ x: true }, strings);
// @ts-expect-error a float is no boolean
await dtypes.idBool({ x: [1] });
connection.close();

const calls: CallInfo[] = [];
const ranks = new RanksClient("http://h", {
  token: async () => "t",
  onCall: (call) => calls.push(call),
  gzip: true,
});
const version: bigint | undefined = versionOf(result);
const every: UnevenResult = await ranks.uneven({ x: [[1]] });
const some = await ranks.uneven(
  { x: [[1]] },
  { outputs: ["sum", "rows"], headers: { a: "b" } },
);
const sum: Tensor<Float32Array> = some.sum;
// @ts-expect-error it was not asked for
some.columns;
// @ts-expect-error there is no such output
await ranks.uneven({ x: [[1]] }, { outputs: ["z"] });
const { state } = await ranks.model.waitUntilReady({ timeoutMs: 5 });
const dtype = (await ranks.model.metadata()).signatures.get("uneven")?.inputs;

const together = await half.multiInference(["classifyTwo", "regressXToY"], {
  examples: [{ x: 1 }],
});
const both: [Classification[][], Float32Array] = [
  together.classifyTwo,
  together.regressXToY,
];
// @ts-expect-error it was not asked for
together.regressXToY2;
// @ts-expect-error it takes no Examples
await half.multiInference(["servingDefault"], { examples: [] });
const pixels: Pixels = { data: new Uint8Array(4), width: 1, height: 1 };
const mlp = new MlpClient("http://h");
await mlp.call({ images: pixels }, { batchSize: 1 });
await mlp.call({ images: [pixels, await pixelsOf(new Blob([]))] });
// @ts-expect-error a picture has pixels
await mlp.call({ images: { width: 1, height: 1 } });
// @ts-expect-error numbers of this shape are no picture
await half.servingDefault({ x: pixels });

const bytes: Uint8Array[] = (
  await new RawPngClient("http://h").servingDefault({
    imageBytes: [new Uint8Array(1)],
  })
).thumbBytes.data;

try {
  await half.servingDefault({ x: 1 });
} catch (error) {
  if (error instanceof ServingError) {
    const code: Code = error.code;
    const status: number | undefined = error.httpStatus;
    console.log(code, status, error.details, score, label, numbers);
    console.log(big, unsigned, flags, texts, bytes);
    console.log(version, both, every, sum, state, dtype, calls[0]?.durationMs);
  }
}
