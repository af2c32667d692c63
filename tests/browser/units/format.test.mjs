import assert from "node:assert/strict";
import test from "node:test";

import { number, roiName, shortened, time, unitsOf } from "../../../src/kymflow_view/static/app/image/format.js";

test("numbers have a few figures, a true minus, and powers of ten only where they must", () => {
  assert.equal(number(-1.23456), "\u22121.235");
  assert.equal(number(-310061.4, 6), "\u2212310061");
  assert.equal(number(1.5e9), "1.500e+9");
  assert.equal(number(0), "0");
  assert.equal(number(null), "");
  assert.equal(number("inf"), "inf");
});

test("times have the decimals that the zoom can show", () => {
  assert.equal(time(12.34567, 30), "12.346");
  assert.equal(time(12.34567, 0.01), "12.345670");
  assert.equal(time(12_345.6, 30_000), "12346");
});

test("names that differ only at their end stay different when shortened", () => {
  const measure = (text) => text.length;
  const [drop, rise] = ["baseline_drop", "baseline_rise"].map((kind) => shortened(kind, 9, measure));
  assert.notEqual(drop, rise);
  assert.ok(measure(drop) <= 9);
  assert.equal(shortened("stall", 9, measure), "stall");
});

test("of a name that is shortened, the last word stays whole where there is room", () => {
  const measure = (text) => text.length;
  assert.equal(shortened("baseline_drop", 9, measure), "base…drop");
  assert.equal(shortened("baseline_drop", 5, measure), "…drop");
  assert.equal(shortened("baseline_drop", 4, measure), "ba…p");
});

test("an ROI is called by number and name", () => {
  assert.equal(roiName({ roi_id: 2, name: "left" }), "ROI 2 left");
  assert.equal(roiName({ roi_id: 2, name: "" }), "ROI 2");
});

test("without calibration, units are lines and pixels, each on its own", () => {
  assert.deepEqual(unitsOf({ seconds_per_line: null, um_per_pixel: null }), { line: 1, pixel: 1, time: "lines", space: "pixels" });
  assert.deepEqual(unitsOf({ seconds_per_line: 0.001, um_per_pixel: null }), { line: 0.001, pixel: 1, time: "s", space: "pixels" });
});
