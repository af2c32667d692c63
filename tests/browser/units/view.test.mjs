import assert from "node:assert/strict";
import test from "node:test";

import { around, fit, LEAST_LINES, pan, whole, zoom } from "../../../src/kymflow_view/static/app/image/view.js";

test("zooming closer keeps the line under the mouse where it is", () => {
  const view = zoom(whole(30_000), 10_000, 0.5, 30_000);
  assert.equal(view.to - view.from, 15_000);
  assert.ok(Math.abs((10_000 - view.from) / 15_000 - 1 / 3) < 1e-3);
});

test("zooming ends at a few lines, and at all of them", () => {
  let view = whole(1000);
  for (let step = 0; step < 60; step++) view = zoom(view, 500, 1 / 1.3, 1000);
  assert.equal(view.to - view.from, LEAST_LINES);
  for (let step = 0; step < 60; step++) view = zoom(view, 500, 1.3, 1000);
  assert.deepEqual(view, whole(1000));
});

test("each step of zooming is seen, also where only a few lines are shown", () => {
  const view = { from: 500, to: 510 };
  assert.deepEqual(zoom(view, 505, 1 / 1.05, 1000), { from: 501, to: 509 });
  assert.deepEqual(zoom(view, 505, 1.05, 1000), { from: 499, to: 511 });
});

test("moving stops at the ends of the image and keeps the width", () => {
  assert.deepEqual(pan({ from: 10, to: 110 }, -50, 1000), { from: 0, to: 100 });
  assert.deepEqual(pan({ from: 800, to: 950 }, 500, 1000), { from: 850, to: 1000 });
});

test("a view from an address that lies outside is put inside", () => {
  assert.deepEqual(fit({ from: 5000, to: 6000 }, 1000), whole(1000));
  assert.deepEqual(fit({ from: 990, to: 2000 }, 1000), whole(1000));
  assert.deepEqual(fit({ from: 500, to: 400 }, 1000), { from: 500, to: 508 });
});

test("an image of fewer lines than are shown at least is shown whole", () => {
  assert.deepEqual(fit({ from: 1, to: 2 }, 3), whole(3));
  assert.deepEqual(zoom(whole(3), 1, 0.5, 3), whole(3));
});

test("an event is shown with what lies around it", () => {
  assert.deepEqual(around(1000, 1200, 30_000), { from: 500, to: 1700 });
  const long = around(1000, 5000, 30_000);
  assert.deepEqual(long, { from: -3000 + 3000, to: 12_000 });
});
