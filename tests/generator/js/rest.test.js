// Calls over REST: their URLs, errors, options, time limits and retries.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { test } from "node:test";

import { ServingError } from "../../../templates/js/serving/errors.js";
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
  const texts = [
    /redirects to another URL, which this client does not follow$/,
    /redirects to "http:\/\/\*\*\*@o\/x", which this client/,
    /: http:\/\/127.0.0.1:\d+ answers with HTTP 307 without a Location$/,
  ];
  for (const response of [
    { type: "opaqueredirect", status: 0, url: "http://h" },
    { type: "basic", status: 200, url: "http://u:pw@o/x", redirected: true },
    { type: "basic", status: 307, url: "http://h" },
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
    await refused(call, "UNKNOWN", texts.shift());
  }
});

for (const [more, given, text] of [
  [{ notOverRest: "output 'y' is complex64" }, { x: 1 }, /over REST, output/],
  [
    { inputs: { k: { ...spec("float32", null, "k"), hasDefault: true } } },
    {},
    /no defaults, so input k is needed/,
  ],
]) {
  test(`what only gRPC carries is refused over REST: ${text}`, async () => {
    const before = requests.length;
    const call = { ...signature(spec("float32")), ...more };
    await refused(open(url).predict(call, given), "UNIMPLEMENTED", text);
    assert.equal(requests.length, before);
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
    answerWith({ status, body });
    const call = model.predict(signature(spec("float32")), { x: 1 });
    await refused(call, code, text);
    await assert.rejects(model.predict(signature(spec("float32")), { x: 1 }), {
      httpStatus: status,
    });
  }
});

test("the URL names model, version and label", async () => {
  answerWith({ status: 200, body: '{"outputs": 1.0}' });
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

test("the password in a URL is not shown", () => {
  for (const base of ["http://user:p/w@h", "http://user:p@w@h", "user:pw@h"]) {
    assert.throws(
      () => open(base),
      ({ message }) =>
        /\*\*\*@h|the base/.test(message) && !/p.?w/.test(message),
    );
  }
});

test("options and signals of a wrong type are refused", async () => {
  const model = open(url);
  for (const options of [null, "x", { signal: {} }, { signal: "x" }]) {
    const call = model.predict(signature(spec("float32")), { x: 1 }, options);
    await refused(call, "INVALID_ARGUMENT", /must be an (object|AbortSignal)/);
  }
  for (const options of [null, { fetch: 5 }]) {
    assert.throws(() => open(url, "m", options), { code: "INVALID_ARGUMENT" });
  }
});

test("options that would have no effect are refused", async () => {
  const model = open(url);
  const call = signature(spec("float32"));
  for (const [options, text] of [
    [{ version: 1 }, /version is an option of the client, not of a call/],
    [{ timeout: 5 }, /there is no option "timeout" here; .* timeoutMs/],
  ]) {
    const called = model.predict(call, { x: 1 }, options);
    await refused(called, "INVALID_ARGUMENT", text);
    await refused(model.status(options), "INVALID_ARGUMENT", text);
  }
  const wrong = () => open(url, "m", { timeout: 5, version: 1 });
  assert.throws(wrong, /no option "timeout" here/);
  answerWith({ status: 200, body: '{"outputs": 1.0}' });
  await model.predict(call, { x: 1 }, { version: undefined });
});

test("errors name the server", async () => {
  const call = open(url).predict(signature(spec("float32")), {});
  await refused(call, "INVALID_ARGUMENT", RegExp(`: ${url}: model "m", `));
});

test("no header of ours needs a CORS preflight; the user's are sent", async () => {
  answerWith({ status: 200, body: '{"outputs": 1.0}' });
  const headers = { Authorization: "Bearer t" };
  const model = open(url, "m", { headers });
  await model.predict(signature(spec("float32")), { x: 1 });
  const received = requests.at(-1).headers;
  assert.match(received["content-type"] ?? "text/plain", /^text\/plain/);
  assert.equal(received.authorization, "Bearer t");
});

test("timeouts, aborts and unreachable servers have codes", async () => {
  answerWith(undefined);
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

test("it is not sent again if there is no time left for that", async () => {
  for (let attempt = 1; ; attempt++) {
    const fetch = fetchOf(down, {});
    const error = await call(fetch, { timeoutMs: 40 }).catch((error) => error);
    assert.equal(fetch.calls, 1);
    if (error.code === "UNAVAILABLE") break;
    assert.ok(attempt < 10, error.message); // the machine may take the 40 ms away
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

test("faults and errors of another package's copy are known", async () => {
  const copy = "../../../templates/js/serving/errors.js?copy";
  const other = await import(copy);
  let calls = 0;
  const down = async () => {
    calls++;
    throw new other.Fault("UNAVAILABLE", "down", { mayRetry: true });
  };
  const predict = () => ({ path: "/", bytes: 0, send: down });
  const connection = { close() {}, to: () => ({ predict }) };
  const call = open(connection).predict(signature(spec("float32")), { x: 1 });
  const error = await call.catch((error) => error);
  assert.equal(calls, 3);
  assert.equal(error.code, "UNAVAILABLE");
  assert.ok(
    error instanceof ServingError && error instanceof other.ServingError,
  );
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
