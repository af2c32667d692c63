// How values are written in cells: sensible digits, nothing for a missing one.

const ID_LENGTH = 8;

/** Whether a column's values are right-aligned. */
export const isNumeric = (kind) => kind === "integer" || kind === "number";

/**
 * How many decimals a column's numbers get, so that their points stand below each other: four digits of the
 * middle one.
 */
export function decimalsOf(values) {
  const sizes = values.filter((value) => typeof value === "number" && value !== 0).map(Math.abs).sort((a, b) => a - b);
  if (!sizes.length) return 0;
  if (sizes.every(Number.isInteger)) return 0;
  const middle = sizes[Math.floor(sizes.length / 2)];
  return Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(middle))));
}

/** A value as a short text for a cell. `column` has `name`, `kind` and, for numbers, `decimals`. */
export function shortText(value, column) {
  if (value === null || value === undefined) return "";
  if (column.kind === "boolean") return value ? "✓" : "✗";
  if (typeof value === "number") return numberText(value, column);
  if (column.name === "image_id") return String(value).slice(0, ID_LENGTH);
  if (column.kind === "time") return timeText(value).replace(/\.\d+/, "");
  return infinite(value) ?? plain(value);
}

/** A value in full, for a tooltip or a screen reader. */
export function fullText(value, column) {
  if (value === null || value === undefined) return "";
  if (column.kind === "boolean") return value ? "yes" : "no";
  if (column.kind === "time") return timeText(value);
  const text = (typeof value === "number" ? null : infinite(value)) ?? plain(value);
  return isNumeric(column.kind) && column.unit ? `${text} ${column.unit}` : text;
}

/** A number with about four digits, for summaries. */
export function numberText(value, { kind = "number", decimals = null } = {}) {
  if (kind === "integer" || !Number.isFinite(value)) return minus(String(value));
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e7 || size < 1e-5) return minus(value.toExponential(3));
  const own = Math.min(6, Math.max(0, 3 - Math.floor(Math.log10(size))));
  // Where the first values are whole, or large, a later one may not be.
  const places = decimals === 0 && !Number.isInteger(value) ? own : decimals ?? own;
  if (size < 0.5 * 10 ** -places) return minus(value.toPrecision(2));
  return minus(value.toFixed(places));
}

/** A count with its thousands apart. */
export const countText = (count) => count.toLocaleString("en");

/** "1 row", "2 rows". */
export const plural = (count, one, many = `${one}s`) => `${countText(count)} ${count === 1 ? one : many}`;

function plain(value) {
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function infinite(value) {
  if (value === "inf") return "∞";
  return value === "-inf" ? "−∞" : null;
}

// With its offset from UTC, where it has one: clock times of a microscope have none.
const timeText = (text) => text.replace("T", " ");

// A minus sign is as wide as a digit.
const minus = (text) => text.replace(/^-/, "−").replace("e-", "e−");
