// What the tests of the runtime share: a server that keeps what it gets, and calls of it.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before } from "node:test";

import { ServingError } from "../../../templates/js/serving/errors.js";
import { ServedModel } from "../../../templates/js/serving/model.js";

export const spec = (dtype, shape = null, name = "x") => ({
  name,
  dtype,
  shape,
});
export const signature = (input, output = spec("float32", null, "y")) => ({
  name: "s",
  kind: "predict",
  inputs: { x: input },
  outputs: { y: output },
});

export const open = (base, name = "m", options = {}) =>
  new ServedModel(base, { name, signatures: [] }, options);

// What the server was sent.
export const requests = [];
export let url;
let answer, server;

/** What the server answers from now on; with undefined, nothing at all. */
export function answerWith(next) {
  answer = next;
}

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
export async function sent(input, value) {
  answerWith({ status: 200, body: '{"outputs": 1.0}' });
  await open(url, "m").predict(signature(input), { x: value });
  const prefix = `{"signature_name":"s","inputs":{${JSON.stringify(input.name)}:`;
  const { body } = requests.at(-1);
  assert.ok(body.startsWith(prefix) && body.endsWith("}}"), body);
  return body.slice(prefix.length, -2);
}

/** What an answer with this output comes to. */
export async function received(output, body, options = undefined) {
  answerWith({ status: 200, body });
  const call = signature(spec("float32"), output);
  return (await open(url, "m").predict(call, { x: 0 }, options)).y;
}

export async function refused(promise, code, text) {
  await assert.rejects(promise, (error) => {
    assert.ok(error instanceof ServingError, error);
    assert.equal(error.code, code);
    assert.match(error.message, text);
    return true;
  });
}

export const tensor = (data, shape) => ({ data, shape });
