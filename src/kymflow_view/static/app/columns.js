// Which columns of a table are shown, and in which order.

import { h } from "./dom.js";

// What a scientist looks for first in a table of images, and what comes after all that a lab has noted.
const FIRST = ["folder", "condition", "treatment", "duration_s", "length_um", "n_rois", "n_events", "accepted", "analysed"];
const SIZES = ["lines", "pixels", "seconds_per_line", "um_per_pixel"];
// Where a file lies: worth little beside its name and its folder.
const PLACES = ["rel_path", "root", "grandparent"];

/** Columns in the order in which they are offered: the file's name, the table's own, those of images, the id. */
export function ordered(columns, table) {
  const isImages = table === "images";
  const rank = ({ name, of }) => {
    if (name === "file_name") return 0;
    if (isImages && FIRST.includes(name)) return 1 + FIRST.indexOf(name) / FIRST.length;
    if (isImages && SIZES.includes(name)) return 4;
    if (PLACES.includes(name)) return 5 + PLACES.indexOf(name) / PLACES.length;
    if (name === "image_id") return 6;
    return of === table ? 2 : 3;
  };
  return columns.map((column, index) => [rank(column), index, column]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , column]) => column);
}

/** The columns that a URL shows: those it names, or the usual ones, without those that hold nothing. */
export function shownColumns(columns, table, params) {
  const named = params.get("columns");
  if (named !== null) {
    const names = readNames(named);
    const chosen = columns.filter(({ name }) => names.includes(name));
    if (chosen.length) return chosen;
  }
  return columns.filter((column) => isUsual(column, table, params.get("images") === "1"));
}

function isUsual({ name, of, empty }, table, images) {
  if (name === "file_name" || name === "image_id") return true;
  return !empty && name !== "grandparent" && name !== "root" && (images || of === table);
}

function readNames(text) {
  try {
    const names = JSON.parse(text);
    return Array.isArray(names) ? names : [];
  } catch {
    return text.split(",");
  }
}

const writeNames = (names) => (names.some((name) => name.includes(",") || name.startsWith("[")) ? JSON.stringify(names) : names.join(","));

/** What a menu holds in which columns are ticked; `onChoose(text or null)` gets what the URL says of them. */
export function columnChoice({ all, shown }, table, onChoose) {
  const chosen = new Set(shown.map(({ name }) => name));
  const choose = () => onChoose(writeNames(all.map(({ name }) => name).filter((name) => chosen.has(name))));
  const tick = (name, box) => {
    if (box.checked) chosen.add(name);
    else if (chosen.size > 1) chosen.delete(name);
    else box.checked = true; // One column stays.
    choose();
  };
  const box = ({ name, unit, description, empty }) => h("label", { title: description ?? "" },
    h("input", { type: "checkbox", checked: chosen.has(name), onchange: (event) => tick(name, event.target) }),
    h("span", {}, name), unit ? h("span", { class: "unit" }, `[${unit}]`) : null, empty ? h("span", { class: "unit" }, "(empty)") : null);
  const group = (title, members) => (members.length ? h("fieldset", {}, h("legend", {}, title), members.map(box)) : null);
  return [
    group("This table", all.filter(({ of }) => of === table)),
    group("Of images", all.filter(({ of }) => of !== table)),
    h("p", { class: "menu-actions" }, h("button", { type: "button", onclick: () => onChoose(null) }, "Usual columns")),
  ];
}
