import assert from "node:assert/strict";
import test from "node:test";

import { colorIndices, eventAt, eventOfRow, extent, kindsOf, placed, spansOf, timesOfRow } from "../../../src/kymflow_view/static/app/image/events.js";

const EVENTS = [
  { kind: "stall", t0: 5, t1: 3, roi_id: 1 },
  { kind: "rise", t0: 1, t1: null, roi_id: 2 },
  { kind: "stall", t0: null, t1: null, roi_id: 1 },
  { kind: "stall", t0: 10, t1: 10.001, roi_id: 2 },
];

test("events are ordered by start; ends that are swapped are put right, those without a time are left out", () => {
  const list = placed(EVENTS);
  assert.deepEqual(list.map(({ start, stop }) => [start, stop]), [[1, null], [3, 5], [10, 10.001]]);
});

test("kinds are counted with the events that have no time", () => {
  assert.deepEqual(kindsOf(EVENTS), [
    { kind: "rise", count: 1, unplaced: 0 },
    { kind: "stall", count: 3, unplaced: 1 },
  ]);
});

test("kinds of an image have different colours, and the same one in another image", () => {
  const kinds = ["baseline_drop", "baseline_rise", "nan_gap", "zero_gap", "User Added"];
  const indices = colorIndices(kinds);
  assert.equal(new Set(indices.values()).size, kinds.length);
  assert.equal(colorIndices(["nan_gap"]).get("nan_gap"), colorIndices(["nan_gap", "zero_gap"]).get("nan_gap"));
});

test("more kinds than colours are no endless search", () => {
  const kinds = Array.from({ length: 30 }, (_, at) => `kind ${at}`);
  const indices = colorIndices(kinds);
  assert.equal(indices.size, 30);
  assert.equal(new Set(indices.values()).size, 8);
});

test("a mark is never narrower than the least width, around where the event is", () => {
  const toPixel = (time) => time * 10;
  assert.deepEqual(extent({ start: 1, stop: 2 }, toPixel, 2), { left: 10, width: 10 });
  assert.deepEqual(extent({ start: 1, stop: 1.1 }, toPixel, 2), { left: 9.5, width: 2 });
  assert.deepEqual(extent({ start: 1, stop: null }, toPixel, 2), { left: 9, width: 2 });
});

test("the shortest event under the mouse is found, or the nearest within reach", () => {
  const list = placed([
    { kind: "long", t0: 0, t1: 100 },
    { kind: "short", t0: 40, t1: 41 },
    { kind: "later", t0: 110, t1: null },
  ]);
  assert.equal(eventAt(list, 40.5, 0.1).kind, "short");
  assert.equal(eventAt(list, 50, 0.1).kind, "long");
  assert.equal(eventAt(list, 109.5, 1).kind, "later");
  assert.equal(eventAt(list, 105, 1), null);
});

test("a clicked row leads to its event", () => {
  const list = placed(EVENTS);
  assert.equal(eventOfRow(list, { t0_s: 10, kind: "stall", roi_id: 2 }).start, 10);
  assert.equal(eventOfRow(list, { t0_s: 5, kind: "stall", roi_id: 1 }).start, 3);
  assert.equal(eventOfRow(list, { mean_velocity: 1 }), null);
  // A row of another table, at a time at which there is no event.
  assert.equal(eventOfRow(list, { t0_s: 9 }), null);
  const twins = placed([{ kind: "a", t0: 1, event_id: "x" }, { kind: "a", t0: 1, event_id: "y" }]);
  assert.equal(eventOfRow(twins, { t0_s: 1, event_id: "y" }).event_id, "y");
  // Where the image is not calibrated, its time axis is in lines and the table in seconds.
  const inLines = placed([{ kind: "a", t0: 20, t0_s: 2 }, { kind: "a", t0: 2, t0_s: 0.2 }]);
  assert.equal(eventOfRow(inLines, { t0_s: 2 }).start, 20);
  assert.deepEqual(timesOfRow({ values: { t0_s: 5, t1_s: 3 } }), { start: 3, stop: 5 });
  assert.deepEqual(timesOfRow({ values: { t0_s: 5, t1_s: null } }), { start: 5, stop: 5 });
  assert.equal(timesOfRow({ values: { t0_s: "inf" } }), null);
  assert.equal(timesOfRow(null), null);
});

test("of many events, what touches is put together, and none is left out", () => {
  const toPixel = (time) => time;
  const events = [0, 1, 10, 50, 500].map((start) => ({ start, stop: null }));
  assert.deepEqual(spansOf(events, toPixel, 2, 0, 100), [
    { left: -1, width: 3 },
    { left: 9, width: 2 },
    { left: 49, width: 2 },
  ]);
});

test("a long event that began before what is shown is seen", () => {
  const events = [{ start: 0, stop: 90 }, { start: 20, stop: 30 }];
  assert.deepEqual(spansOf(events, (time) => time, 2, 80, 100), [{ left: 0, width: 90 }]);
});
