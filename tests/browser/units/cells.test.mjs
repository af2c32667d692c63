import assert from "node:assert/strict";
import test from "node:test";

import { decimalsOf, fullText, numberText, plural, shortText } from "../../../src/kymflow_view/static/app/cells.js";

const number = (decimals = null) => ({ name: "score", kind: "number", unit: "mm/s", decimals });

test("the numbers of a column have their points below each other", () => {
  const values = [1.23456, 2.3456, -310061.25];
  const column = number(decimalsOf(values));
  assert.deepEqual(values.map((value) => shortText(value, column)), ["1.235", "2.346", "−310061.250"]);
  assert.equal(decimalsOf([100, 2000]), 0);
  assert.equal(decimalsOf([null, "inf"]), 0);
});

test("a fraction is no whole number, whatever the first values of its column were", () => {
  const column = number(decimalsOf([1, 2, 3]));
  assert.deepEqual([2, 2.6, 0.7, 1234.5].map((value) => shortText(value, column)), ["2", "2.600", "0.7000", "1235"]);
});

test("what would be written as zero keeps digits", () => {
  assert.equal(shortText(0.00004, number(2)), "0.000040");
  assert.equal(shortText(1.5e-9, number(2)), "1.500e−9");
  assert.equal(shortText(0, number(2)), "0");
});

test("what is missing is empty, and what is infinite says so", () => {
  for (const value of [null, undefined]) assert.equal(shortText(value, number()), "");
  assert.equal(shortText("inf", number()), "∞");
  assert.equal(fullText("-inf", number()), "−∞ mm/s");
});

test("a tooltip has the exact value with its unit", () => {
  assert.equal(fullText(-1.23456789, number(1)), "-1.23456789 mm/s");
  assert.equal(fullText("<b>", { name: "note", kind: "text" }), "<b>");
});

test("integers have all digits, an id its first ones, a time its seconds", () => {
  assert.equal(shortText(30000, { name: "lines", kind: "integer" }), "30000");
  assert.equal(shortText("01234567-89ab", { name: "image_id", kind: "text" }), "01234567");
  assert.equal(shortText("2025-07-22T14:03:05.120+00:00", { name: "acquired", kind: "time" }), "2025-07-22 14:03:05+00:00");
  assert.equal(fullText("2025-07-22T14:03:05.120", { name: "acquired", kind: "time" }), "2025-07-22 14:03:05.120");
});

test("booleans are marks, and words for who cannot see them", () => {
  const column = { name: "accepted", kind: "boolean" };
  assert.deepEqual([true, false, null].map((value) => shortText(value, column)), ["✓", "✗", ""]);
  assert.deepEqual([true, false, null].map((value) => fullText(value, column)), ["yes", "no", ""]);
});

test("summaries have four digits, and counts their thousands apart", () => {
  assert.equal(numberText(-1.23456), "−1.235");
  assert.equal(numberText(28160.223), "28160");
  assert.equal(plural(1, "row"), "1 row");
  assert.equal(plural(12345, "row"), "12,345 rows");
});
