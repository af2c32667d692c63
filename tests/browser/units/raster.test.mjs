import assert from "node:assert/strict";
import test from "node:test";

import { extremes, planeOf, readPicture, sampleAt, toRows } from "../../../src/kymflow_view/static/app/image/raster.js";

const header = (more = {}) =>
  JSON.stringify({ planes: ["mean", "min", "max"], columns: 2, pixels: 3, dtype: "uint16", from: 10, to: 30, complete: true, ...more });

const raw = (columns, ...samples) => ({ planes: { raw: Uint16Array.from(samples) }, columns, pixels: samples.length / columns });

test("planes are read one after the other", () => {
  const samples = Uint16Array.from({ length: 18 }, (_, at) => at);
  const picture = readPicture(samples.buffer, header());
  assert.deepEqual([...picture.planes.min], [6, 7, 8, 9, 10, 11]);
  assert.equal(picture.complete, true);
});

test("an answer that was cut off is an error that says so", () => {
  assert.throws(() => readPicture(new ArrayBuffer(4), header()), /4 bytes instead of 36/);
});

test("floats are read as floats", () => {
  const picture = readPicture(Float32Array.of(0.5, NaN).buffer, header({ planes: ["raw"], columns: 1, pixels: 2, dtype: "float32" }));
  assert.equal(picture.planes.raw[0], 0.5);
  assert.equal(planeOf(picture, "max"), picture.planes.raw);
});

test("pixel 0 lies at the bottom, columns run to the right", () => {
  const { samples, height } = toRows(raw(2, 1, 2, 3, 11, 12, 13), "max", 100);
  assert.equal(height, 3);
  assert.deepEqual([...samples], [3, 13, 2, 12, 1, 11]);
});

test("where the screen has fewer rows, no pixel is left out", () => {
  const picture = raw(1, 1, 9, 2, 2, 0, 4);
  const reduce = (plane) => [...toRows(picture, plane, 3).samples];
  assert.deepEqual(reduce("max"), [4, 2, 9]);
  assert.deepEqual(reduce("min"), [0, 2, 1]);
  assert.deepEqual(reduce("mean"), [2, 2, 5]);
});

test("each bright pixel is seen in each number of rows", () => {
  for (let bright = 0; bright < 7; bright++) {
    for (let rows = 1; rows <= 7; rows++) {
      const picture = raw(1, ...Array.from({ length: 7 }, (_, at) => (at === bright ? 5 : 0)));
      const { samples } = toRows(picture, "max", rows);
      assert.equal(samples.filter((value) => value === 5).length, 1);
    }
  }
});

test("the sample at a place is that of its column; outside there is none", () => {
  const samples = Uint16Array.from({ length: 18 }, (_, at) => at);
  const picture = readPicture(samples.buffer, header());
  assert.deepEqual(sampleAt(picture, "mean", 29, 2), { value: 5, plane: "mean" });
  assert.equal(sampleAt(picture, "mean", 30, 2), null);
  assert.equal(sampleAt(picture, "mean", 12, 3), null);
  assert.equal(sampleAt(undefined, "mean", 12, 0), null);
});

test("the extremes of a picture are those of its means, without what is no number", () => {
  const planes = { mean: Float32Array.of(3, NaN, 5), max: Float32Array.of(9, 9, 9) };
  assert.deepEqual(extremes({ planes }), { low: 3, high: 5 });
  assert.equal(extremes(raw(1, 4, 4)), null);
});
