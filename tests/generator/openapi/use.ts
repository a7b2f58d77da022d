import createClient from "openapi-fetch";

import type { paths as Estimator } from "./estimator.js";
import type { paths as HalfPlusTwo } from "./half_plus_two.js";

declare const process: { argv: string[] };
const baseUrl = process.argv[2] ?? "";

const half = createClient<HalfPlusTwo>({ baseUrl });
const predicted = await half.POST("/v1/models/half_plus_two:predict", {
  body: { inputs: { x: [[4], [8]] } },
});
if (!predicted.data || !("outputs" in predicted.data)) throw predicted.error;
const outputs: number[][] = predicted.data.outputs;

const refused = await half.POST("/v1/models/half_plus_two:predict", {
  // @ts-expect-error a matrix is wanted
  body: { inputs: { x: "four" } },
});
const told: string | undefined = refused.error?.error;

const estimator = createClient<Estimator>({ baseUrl });
const classified = await estimator.POST("/v1/models/estimator:classify", {
  body: {
    signature_name: "classification",
    examples: [{ a: ["x"], b: [1.5] }],
  },
});
await estimator.POST("/v1/models/estimator:classify", {
  // @ts-expect-error an example needs its feature b
  body: { signature_name: "classification", examples: [{ a: ["x"] }] },
});
console.log(
  JSON.stringify([outputs, typeof told, classified.data?.results.length]),
);
