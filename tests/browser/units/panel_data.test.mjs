import assert from "node:assert/strict";
import test from "node:test";

import { axisLabel, linkedRange, perPixel, rangeOf, readPanel } from "../../../src/kymflow_view/static/app/image/panel_data.js";

const VIEW = { view: { from: 100, to: 300 }, units: { line: 0.01, time: "s" } };
const UNCALIBRATED = { view: { from: 100, to: 300 }, units: { line: 1, time: "lines" } };

test("an axis in s or lines follows the kymograph, in its own unit", () => {
  assert.deepEqual(linkedRange("s", VIEW), { min: 1, max: 3 });
  assert.deepEqual(linkedRange("lines", VIEW), { min: 100, max: 300 });
  assert.deepEqual(linkedRange("lines", UNCALIBRATED), { min: 100, max: 300 });
  assert.equal(linkedRange("Hz", VIEW), null);
});

test("seconds follow nothing where the image is not calibrated", () => {
  assert.equal(linkedRange("s", UNCALIBRATED), null);
});

test("infinities come as texts, missing numbers stay missing, pictures are read from base64", () => {
  const pixels = Buffer.from(Float32Array.of(0.5, -1).buffer).toString("base64");
  const { title, items } = readPanel(
    { title: "", items: [{ kind: "boxes", name: "a", x0: [1], x1: ["inf"], y0: ["-inf"], y1: [null] }, { kind: "picture", pixels, rows: 1, columns: 2 }] },
    "its name",
  );
  assert.equal(title, "its name");
  assert.deepEqual(items[0], { kind: "boxes", name: "a", x0: [1], x1: [Infinity], y0: [-Infinity], y1: [null] });
  assert.deepEqual([...items[1].pixels], [0.5, -1]);
});

test("the range holds all items, and no infinite edge", () => {
  const items = [
    { kind: "lines", x: [0, 10], y: [1, null] },
    { kind: "boxes", x0: [-2], x1: [Infinity], y0: [0], y1: [3] },
  ];
  const { min, max } = rangeOf(items, "x");
  assert.ok(min < -2 && max > 10 && max < 11);
  assert.deepEqual(rangeOf([], "y"), { min: 0, max: 1 });
});

test("a picture fills its frame", () => {
  assert.deepEqual(rangeOf([{ kind: "picture", x0: 0, x1: 5 }], "x"), { min: 0, max: 5 });
});

test("a label has its unit, if there is one", () => {
  assert.equal(axisLabel({ label: "rate", unit: "1/min" }), "rate (1/min)");
  assert.equal(axisLabel({ label: "rate", unit: "" }), "rate");
});

test("samples on the same pixel are put together, so that a spike among thousands is seen", () => {
  const xs = Array.from({ length: 1000 }, (_, at) => at / 100);
  const ys = xs.map((_, at) => (at === 555 ? 9 : 0));
  const { t, low, high } = perPixel(xs, ys, (value) => value, 0, 10);
  assert.equal(t.length, 11);
  assert.deepEqual(high.map((value, at) => [low[at], value]).filter(([, value]) => value === 9), [[0, 9]]);
});

test("gaps of a line stay gaps, and what is not shown is left out", () => {
  const line = perPixel([0, 1, null, 3, 4, 5, 6], [1, null, 2, 3, 3, 3, 3], (value) => value, 0, 4);
  assert.deepEqual(line, { t: [0, null, 3, 4, 5], low: [1, null, 3, 3, 3], high: [1, null, 3, 3, 3] });
});
