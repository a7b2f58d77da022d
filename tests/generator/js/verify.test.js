// Whether a client still fits the model that is served.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { test } from "node:test";

import { ServedModel } from "../../../templates/js/serving/model.js";
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
  await refused(predict(), "INTERNAL", /has no signatures/);
  metadata = JSON.stringify(served("DT_FLOAT_REF"));
  await Promise.all([predict(), predict()]);
  await predict();
  const [ask, go] = ["/v1/models/m/metadata", "/v1/models/m:predict"];
  assert.deepEqual(urls, [ask, ask, ask, go, go, go]);
});
