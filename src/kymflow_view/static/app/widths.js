// How wide columns are: as their head and first values need, or as somebody left them.

import { shortText } from "./cells.js";
import { recall, remember } from "./memory.js";

const BESIDE_TEXT = 18; // px: the padding of a cell.
const BESIDE_NAME = 36; // px: the padding of a head, and the arrow that shows the sort.
let canvas = null;

/** Width in px of a column of `table` with these first values. */
export function widthOf(table, column, values) {
  const kept = widths(table)[column.name];
  if (kept) return kept;
  const texts = values.map((value) => shortText(value, column)).sort((a, b) => a.length - b.length);
  // The longest ones, but for the few that are much longer than all others.
  const text = Math.max(0, ...texts.slice(0, Math.ceil(texts.length * 0.95)).slice(-12).map((each) => measure(each, "")));
  const head = measure(column.name + (column.unit ? ` [${column.unit}]` : ""), "600 ");
  return Math.round(Math.min(column.name === "file_name" ? 280 : 210, Math.max(64, head + BESIDE_NAME, text + BESIDE_TEXT)));
}

function measure(text, weight) {
  canvas ??= document.createElement("canvas").getContext("2d");
  const { fontSize, fontFamily } = getComputedStyle(document.body);
  canvas.font = `${weight}${fontSize} ${fontFamily}`;
  return canvas.measureText(text).width;
}

/** Remember the width that somebody gave a column. */
export function keepWidth(table, name, width) {
  remember(`widths.${table}`, JSON.stringify({ ...widths(table), [name]: width }));
}

function widths(table) {
  try {
    return JSON.parse(recall(`widths.${table}`, "{}"));
  } catch {
    return {};
  }
}
