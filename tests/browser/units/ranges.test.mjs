import assert from "node:assert/strict";
import test from "node:test";

import { fullRange, nearest, outside, robustRange, runsOf, valuesOf } from "../../../src/kymflow_view/static/app/image/ranges.js";

const same = (value) => value;

test("single velocities of millions do not set the axis", () => {
  const values = Array.from({ length: 1000 }, (_, at) => Math.sin(at));
  const { low, high } = robustRange([...values, 5e6, -5e6]);
  assert.ok(low < -1 && low > -10);
  assert.ok(high > 1 && high < 10);
});

test("a stall of a fifth of the trace is on the axis", () => {
  const values = Array.from({ length: 1000 }, (_, at) => (at % 5 === 0 ? 0 : 1 + 0.05 * Math.sin(at)));
  const { low, high } = robustRange(values);
  assert.ok(low < 0 && high > 1.05);
});

test("what is not rare but far away does not flatten the rest", () => {
  const values = Array.from({ length: 1000 }, (_, at) => (at % 5 === 0 ? -1e6 : Math.sin(at)));
  assert.ok(robustRange(values).low > -20);
});

test("an axis is no wider than the values", () => {
  const { low, high } = robustRange([1, 2, 3, 4]);
  assert.deepEqual([low, high], [0.85, 4.15]);
});

test("where most values are equal, all are shown", () => {
  const { low, high } = robustRange([...Array(100).fill(0), 3]);
  assert.ok(low < 0 && high > 3);
});

test("there is an axis without values, and with one", () => {
  assert.deepEqual(robustRange([]), { low: 0, high: 1 });
  assert.deepEqual(fullRange([NaN]), { low: 0, high: 1 });
  assert.ok(robustRange([2]).low < 2 && robustRange([2]).high > 2);
});

test("all values are shown on demand", () => {
  assert.ok(fullRange([0, 5e6, 1]).high > 5e6);
});

test("samples alone in their column count once", () => {
  const trace = { low: [1, null], high: [1, null] };
  assert.deepEqual(valuesOf([{ ...trace, raw: true }]), [1]);
  assert.deepEqual(valuesOf([{ ...trace, raw: false }]), [1, 1]);
});

test("what lies outside an axis is counted, exactly where samples are shown one by one", () => {
  const trace = { low: [-9, 0, null, 9], high: [0, 0, null, 9], raw: false };
  assert.deepEqual(outside([trace], { min: -1, max: 1 }), { count: 2, exact: false });
  assert.deepEqual(outside([{ ...trace, raw: true, high: trace.low }], { min: -1, max: 1 }), { count: 2, exact: true });
});

test("a line goes through the low and the high of each column", () => {
  const runs = runsOf({ t: [0, 1, 2], low: [0, 0, 0], high: [0, 9, 0] }, same, same);
  assert.deepEqual(runs, [[0, 0, 1, 0, 1, 9, 2, 0]]);
});

test("a spike downwards is entered from above", () => {
  const runs = runsOf({ t: [0, 1], low: [5, -9], high: [5, 5] }, same, same);
  assert.deepEqual(runs, [[0, 5, 1, 5, 1, -9]]);
});

test("a gap ends a run, and a value alone between gaps is one of its own", () => {
  const runs = runsOf({ t: [0, 1, 2, 3], low: [1, null, 2, null], high: [1, null, 2, null] }, same, same);
  assert.deepEqual(runs, [[0, 1], [2, 2]]);
});

test("the nearest column is found at both ends and between", () => {
  const times = [0, 1, 2.5];
  assert.deepEqual([-5, 0.4, 0.6, 2, 99].map((time) => nearest(times, time)), [0, 0, 1, 2, 2]);
  assert.equal(nearest([], 1), -1);
});
