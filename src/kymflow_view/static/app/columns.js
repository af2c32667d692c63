// Which columns of a table are shown, and in which order.

import { h } from "./dom.js";
import { menu } from "./menu.js";

// Where a file lies: worth little beside its name and its folder.
const PLACES = ["rel_path", "grandparent", "root"];

/** Columns in the order in which they are offered: the file's name, the table's own, those of images, the id. */
export function ordered(columns, table) {
  const rank = ({ name, of }) => {
    if (name === "file_name") return 0;
    if (name === "folder" && table === "images") return 1;
    if (name === "image_id") return 5;
    if (PLACES.includes(name)) return 4;
    return of === table || !of ? 2 : 3;
  };
  return columns.map((column, index) => [rank(column), index, column]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([, , column]) => column);
}

/** The columns that a URL shows: those it names, or the usual ones. */
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
  return !empty && name !== "grandparent" && name !== "root" && (images || of === table || !of);
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

/** A menu in which columns are ticked; `onChoose(text or null)` gets what the URL says of them. */
export function columnMenu(columns, shown, table, onChoose) {
  const chosen = new Set(shown.map(({ name }) => name));
  const groups = [
    ["This table", columns.filter(({ of }) => of === table || !of)],
    ["Of images", columns.filter(({ of }) => of && of !== table)],
  ].filter(([, members]) => members.length);
  const box = ({ name, unit, description }) => h("label", { title: description ?? "" },
    h("input", {
      type: "checkbox",
      checked: chosen.has(name),
      onchange: (event) => {
        if (event.target.checked) chosen.add(name);
        else chosen.delete(name);
        if (chosen.size) onChoose(writeNames(columns.map((column) => column.name).filter((each) => chosen.has(each))));
        else event.target.checked = Boolean(chosen.add(name));
      },
    }), h("span", {}, name), unit ? h("span", { class: "unit" }, `[${unit}]`) : null);
  return menu("Columns", "columns", () => [
    ...groups.map(([title, members]) => h("fieldset", {}, h("legend", {}, title), members.map(box))),
    h("p", { class: "menu-actions" },
      h("button", { type: "button", onclick: () => onChoose(null) }, "Usual columns"),
      h("button", { type: "button", onclick: () => onChoose(writeNames(columns.map(({ name }) => name))) }, "All")),
  ]);
}
