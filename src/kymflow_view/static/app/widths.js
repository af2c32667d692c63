// How wide columns are: as their head and first values need, or as somebody left them.

import { shortText } from "./cells.js";
import { recall, remember } from "./memory.js";

const CHARACTER = 7.1; // px, the middle width at the page's font size; heads are bold.
const HEAD_CHARACTER = 7.7;

/** Width in px of a column of `table` with these first values. */
export function widthOf(table, column, values) {
  const kept = widths(table)[column.name];
  if (kept) return kept;
  const lengths = values.map((value) => shortText(value, column).length).sort((a, b) => a - b);
  const long = lengths.length ? lengths[Math.floor(lengths.length * 0.95)] : 0;
  const head = column.name.length + (column.unit ? column.unit.length + 3 : 0);
  const most = column.name === "file_name" || column.name === "rel_path" ? 260 : 200;
  return Math.round(Math.min(most, Math.max(64, head * HEAD_CHARACTER + 36, long * CHARACTER + 20)));
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
