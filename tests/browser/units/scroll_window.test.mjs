import assert from "node:assert/strict";
import test from "node:test";

import { ScrollWindow } from "../../../src/kymflow_view/static/app/scroll_window.js";

const ROW = 25;

/** A window of 20 rows on a table, with an element that rounds as browsers do. */
function windowOn(total) {
  const holder = {
    clientHeight: 20 * ROW,
    at: 0,
    get scrollTop() {
      return this.at;
    },
    set scrollTop(top) {
      this.at = Math.round(Math.max(0, top));
    },
  };
  return new ScrollWindow(holder, ROW, () => total);
}

test("rows are where they are scrolled to, with some to spare", () => {
  const rows = windowOn(1000);
  rows.top = 100;
  assert.deepEqual(rows.place(44, 12), { first: 88, above: 88 * ROW, below: (1000 - 88 - 44) * ROW });
  rows.top = 980;
  assert.equal(rows.place(44, 12).below, 0);
});

test("a row is brought into view by as little as that takes", () => {
  const rows = windowOn(1000);
  rows.reveal(19);
  assert.equal(rows.top, 0);
  rows.reveal(20);
  assert.equal(rows.top, 1);
  rows.reveal(500, true);
  assert.equal(rows.top, 490);
  rows.reveal(489);
  assert.equal(rows.top, 489);
});

test("a table of millions is scaled, and every row of it can be reached", () => {
  const total = 4_500_000;
  const rows = windowOn(total);
  assert.ok(rows.isScaled);
  for (const position of [0, 1, 2, 1_234_567, total - 2, total - 1]) {
    rows.reveal(position);
    const { first, above } = rows.place(44, 12);
    assert.ok(first <= position && position < first + 20, `row ${position} is not among 20 from ${first}`);
    assert.equal(above, rows.holder.scrollTop);
  }
});

test("in a scaled table the wheel moves by rows, too", () => {
  const rows = windowOn(4_500_000);
  rows.top = 1000;
  for (let step = 0; step < 10; step += 1) rows.top += 1;
  assert.equal(rows.top, 1010);
});

test("the scroll bar of a scaled table leads to its end", () => {
  const rows = windowOn(4_500_000);
  rows.holder.scrollTop = 1e9;
  assert.equal(rows.top, 4_500_000 - 20);
  assert.equal(rows.place(44, 12).first, 4_500_000 - 20);
});

test("a table without rows needs no space", () => {
  assert.deepEqual(windowOn(0).place(44, 12), { first: 0, above: 0, below: 0 });
});
