import assert from "node:assert/strict";
import test from "node:test";

import { ordered, shownColumns } from "../../../src/kymflow_view/static/app/columns.js";

const named = (names, of) => names.map((name) => ({ name, of, empty: name === "note" }));
const joined = [...named(["image_id"], "events"), ...named(["rel_path", "file_name"], "images"), ...named(["t0_s", "note"], "events"), ...named(["root", "condition"], "images")];
const names = (columns) => columns.map(({ name }) => name);
const shown = (query) => names(shownColumns(ordered(joined, "events"), "events", new URLSearchParams(query)));

test("the file's name is first, then the table's own columns; places and the id are last", () => {
  assert.deepEqual(names(ordered(joined, "events")), ["file_name", "t0_s", "note", "condition", "rel_path", "root", "image_id"]);
});

test("of images, what is looked for first is first, and sizes and places are last", () => {
  const images = named(["image_id", "rel_path", "file_name", "folder", "grandparent", "root", "lines", "pixels", "seconds_per_line", "um_per_pixel", "duration_s", "length_um", "n_channels",
    "n_rois", "n_events", "analysed", "accepted", "condition", "treatment", "genotype"], "images");
  assert.deepEqual(names(ordered(images, "images")), ["file_name", "folder", "condition", "treatment", "duration_s", "length_um", "n_rois", "n_events", "accepted", "analysed",
    "n_channels", "genotype", "lines", "pixels", "seconds_per_line", "um_per_pixel", "rel_path", "root", "grandparent", "image_id"]);
});

test("at first, a table shows its own columns that have values", () => {
  assert.deepEqual(shown({}), ["file_name", "t0_s", "image_id"]);
  assert.deepEqual(shown({ images: "1" }), ["file_name", "t0_s", "condition", "rel_path", "image_id"]);
});

test("a link names the columns that it shows, and those that are gone do no harm", () => {
  assert.deepEqual(shown({ columns: "note,root,gone" }), ["note", "root"]);
  assert.deepEqual(shown({ columns: '["note"]' }), ["note"]);
  assert.deepEqual(shown({ columns: "gone" }), ["file_name", "t0_s", "image_id"]);
});
