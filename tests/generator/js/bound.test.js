// The bound on calls under way.
// Run: node --test tests/generator/js

import assert from "node:assert/strict";
import { test } from "node:test";

import { Bound, TOO_BUSY } from "../../../templates/js/serving/bound.js";

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
