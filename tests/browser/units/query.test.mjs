import assert from "node:assert/strict";
import test from "node:test";

import { described, filterText, filtersOf, nextSort, parseFilter, rowQuery, sortsOf } from "../../../src/kymflow_view/static/app/query.js";

const number = { name: "score", kind: "number" };
const text = { name: "note", kind: "text" };
const columns = ["score", "note", "a,b", "-neg", "neg"].map((name) => ({ name }));
const params = (query) => new URLSearchParams(query);

test("a number is compared as it is typed", () => {
  assert.deepEqual(parseFilter(number, " 3 "), [["score", "=", 3]]);
  assert.deepEqual(parseFilter(number, "> 0.5"), [["score", ">", 0.5]]);
  assert.deepEqual(parseFilter(number, "<=-1e3"), [["score", "<=", -1000]]);
  assert.deepEqual(parseFilter(number, "1..2"), [["score", ">=", 1], ["score", "<=", 2]]);
  assert.deepEqual(parseFilter(number, ">= 30 < 31"), [["score", ">=", 30], ["score", "<", 31]]);
});

test("an integer that JavaScript would round goes to the server with all of its digits", () => {
  const id = { name: "id", kind: "integer" };
  assert.deepEqual(parseFilter(id, "9007199254740993"), [["id", "=", "9007199254740993"]]);
  assert.deepEqual(parseFilter(id, "> −9007199254740993"), [["id", ">", "-9007199254740993"]]);
  assert.deepEqual(parseFilter(id, "1..9007199254740993"), [["id", ">=", 1], ["id", "<=", "9007199254740993"]]);
  assert.equal(filterText(parseFilter(id, "9007199254740993")), "= 9007199254740993");
  assert.deepEqual(parseFilter(id, "9007199254740991"), [["id", "=", 9007199254740991]]);
});

test("what is no number is told, with what is expected", () => {
  for (const typed of ["abc", ">", "1..", "> 1 < x"]) assert.throws(() => parseFilter(number, typed), /Expected a number, as in/);
});

test("a text is contained, or the whole of it", () => {
  assert.deepEqual(parseFilter(text, "stall"), [["note", "contains", "stall"]]);
  assert.deepEqual(parseFilter(text, "= > 3"), [["note", "=", "> 3"]]);
  assert.deepEqual(parseFilter(text, "3"), [["note", "contains", "3"]]);
});

test("missing and present are words for every column", () => {
  for (const column of [number, text, { name: "ok", kind: "boolean" }]) {
    assert.deepEqual(parseFilter(column, "Missing"), [[column.name, "missing", null]]);
    assert.deepEqual(parseFilter(column, "present"), [[column.name, "present", null]]);
  }
  assert.deepEqual(parseFilter(number, "  "), []);
});

test("a field shows a filter as one types it", () => {
  for (const typed of ["> 0.5", "1..2", "= 3", "missing", ">= 30 < 31"]) assert.equal(filterText(parseFilter(number, typed)), typed);
  for (const typed of ["stall", "= stall", "present"]) assert.equal(filterText(parseFilter(text, typed)), typed);
  assert.equal(described(["note", "contains", "stall"]), "note contains stall");
  assert.equal(described(["score", ">", 2]), "score > 2");
});

test("a link that is broken has no filters", () => {
  for (const where of ["", "{", "3", '{"a": 1}', "[1, []]"]) assert.deepEqual(filtersOf(params({ where })), []);
  assert.deepEqual(filtersOf(params({ where: '[["a", "missing"]]' })), [["a", "missing"]]);
});

test("names with commas and minus signs are sorted by", () => {
  assert.deepEqual(sortsOf(params({ sort: "a,b,-score" }), columns), [["a,b", false], ["score", true]]);
  assert.deepEqual(sortsOf(params({ sort: "-neg,--neg" }), columns), [["-neg", false], ["-neg", true]]);
  assert.deepEqual(sortsOf(params({ sort: "gone,note" }), columns), [["note", false]]);
  assert.deepEqual(sortsOf(params(""), columns), []);
});

test("a heading sorts up, down, and not at all; with Shift besides others", () => {
  assert.equal(nextSort([], "score", false), "score");
  assert.equal(nextSort([["score", false]], "score", false), "-score");
  assert.equal(nextSort([["score", true]], "score", false), null);
  assert.equal(nextSort([["score", true]], "note", false), "note");
  assert.equal(nextSort([["score", true]], "note", true), "-score,note");
});

test("the rows of a link are those of the server", () => {
  const asked = rowQuery(params({ q: "x", sort: "-score", image: "1" }), true);
  assert.deepEqual(asked, { q: "x", sort: "-score", where: null, images: "1" });
});
