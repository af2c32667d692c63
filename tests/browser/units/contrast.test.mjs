import assert from "node:assert/strict";
import test from "node:test";

import { automatic, barHeights, colorize, lookup16, palette, quantile } from "../../../src/kymflow_view/static/app/image/contrast.js";

const BLACK = 0xff000000;
const WHITE = 0xffffffff;
const gray = { map: "gray", inverse: false };

test("black and below is the first colour, white and above the last", () => {
  const table = lookup16(100, 300, palette("gray"));
  assert.equal(table[0], BLACK);
  assert.equal(table[100], BLACK);
  assert.equal(table[300], WHITE);
  assert.equal(table[65535], WHITE);
  assert.equal(table[220] & 0xff, 153);
});

test("levels outside of what samples can be are no error", () => {
  assert.equal(lookup16(-50, 100_000, palette("gray"))[0] & 0xff, 0);
  assert.equal(lookup16(70_000, 80_000, palette("gray"))[65535], BLACK);
  assert.equal(lookup16(5, 5, palette("gray"))[6], WHITE);
});

test("inverse colours run the other way", () => {
  assert.equal(palette("gray", true)[0], WHITE);
  assert.deepEqual([...palette("viridis", true)].reverse(), [...palette("viridis")]);
});

test("a name that is no colour map is gray", () => {
  assert.deepEqual(palette("none such"), palette("gray"));
});

test("floats are scaled as whole numbers are", () => {
  const values = [50, 100, 151, 200, 250];
  const contrast = { black: 100, white: 200, ...gray };
  assert.deepEqual(colorize(Float32Array.from(values), contrast), colorize(Uint16Array.from(values), contrast));
});

test("what is no number is transparent, and infinities have the colours at the ends", () => {
  const words = colorize(Float32Array.of(NaN, Infinity, -Infinity), { black: 0, white: 1, ...gray });
  assert.deepEqual([...words], [0, WHITE, BLACK]);
});

test("contrast begins at 1 and 99 percent of the raw samples", () => {
  const histogram = { low: 0, high: 4000, p1: 100, p99: 300, edges: [0, 2000, 4000], counts: [100, 100] };
  assert.deepEqual(automatic(histogram), { black: 100, white: 300 });
  assert.deepEqual(automatic(histogram, "mean", 40), { black: 100, white: 300 });
});

test("where the brightest of many lines is shown, white is higher, but no higher than the raw samples", () => {
  const histogram = { low: 0, high: 100, p1: 1, p99: 99, edges: [0, 50, 100], counts: [5000, 5000] };
  const { black, white } = automatic(histogram, "max", 40);
  assert.equal(black, 1);
  assert.ok(white > 99.9 && white <= 100);
  assert.deepEqual(automatic(histogram, "max", 1), { black: 1, white: 99 });
  assert.ok(automatic(histogram, "min", 40).black < 0.1);
});

test("an image of one value, or without any, has a contrast too", () => {
  assert.deepEqual(automatic({ low: 7, high: 7, p1: 7, p99: 7 }), { black: 7, white: 8 });
  assert.deepEqual(automatic({ low: 0, high: 9, p1: 3, p99: 3 }), { black: 0, white: 9 });
  assert.deepEqual(automatic({ low: null, high: null, p1: null, p99: null }), { black: 0, white: 1 });
});

test("quantiles of a histogram lie between the edges of its bins", () => {
  assert.equal(quantile([0, 10, 20], [1, 3], 0.25), 10);
  assert.equal(quantile([0, 10, 20], [0, 4], 0.5), 15);
  assert.equal(quantile([0, 10, 20], [1, 3], 1), 20);
  assert.equal(quantile([], [], 0.5), null);
});

test("bars show few samples beside many", () => {
  const [few, many, none] = barHeights([1, 1_000_000, 0]);
  assert.equal(many, 1);
  assert.equal(none, 0);
  assert.ok(few > 0.04);
});
