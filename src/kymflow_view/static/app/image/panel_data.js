// Panels of plugins as data: numbers read, ranges found, axes linked to the kymograph's.

/** What is shown of the time axis, in the unit of a panel; null where the panel's x axis is something else. */
export function linkedRange(unit, { view, units }) {
  if (unit === "lines") return { min: view.from, max: view.to };
  if (unit === "s" && units.time === "s") return { min: view.from * units.line, max: view.to * units.line };
  return null;
}

/** A panel with its numbers read: infinities come as texts, pictures as base64 of little-endian float32. */
export function readPanel(panel, name) {
  return { ...panel, title: panel.title || name, items: panel.items.map(readItem) };
}

const INFINITIES = { inf: Infinity, "-inf": -Infinity };
const readNumber = (value) => INFINITIES[value] ?? value;

function readItem(item) {
  if (item.kind === "picture") {
    const bytes = Uint8Array.from(atob(item.pixels), (letter) => letter.charCodeAt(0));
    return { ...item, pixels: new Float32Array(bytes.buffer) };
  }
  const keys = Object.keys(item).filter((key) => Array.isArray(item[key]));
  return { ...item, ...Object.fromEntries(keys.map((key) => [key, item[key].map(readNumber)])) };
}

/**
 * A line with neighbours on the same pixel put together, as `runsOf` draws it: `{t, low, high}`, t in pixels. A gap is
 * where x or y is missing. `first` and `last` are the pixels that are shown; what lies beyond is left out.
 */
export function perPixel(xs, ys, toPixel, first, last) {
  const line = { t: [], low: [], high: [] };
  let pixel = null;
  for (let i = 0; i < xs.length; i++) {
    const missing = xs[i] === null || ys[i] === null;
    const at = missing ? null : Math.min(last + 1, Math.max(first - 1, Math.round(toPixel(xs[i]))));
    const end = line.t.length - 1;
    if (at === pixel && end >= 0) {
      if (missing) continue;
      line.low[end] = Math.min(line.low[end], ys[i]);
      line.high[end] = Math.max(line.high[end], ys[i]);
      continue;
    }
    line.t.push(at);
    line.low.push(missing ? null : ys[i]);
    line.high.push(missing ? null : ys[i]);
    pixel = at;
  }
  return line;
}

/** The text beside an axis. */
export const axisLabel = ({ label, unit }) => (unit ? `${label} (${unit})` : label);

/** A panel in words. */
export function describe({ title, x, y, items }) {
  const names = items.map(({ name, kind }) => (name ? `${kind} ${name}` : kind));
  return `${title}: ${axisLabel(y)} against ${axisLabel(x)}; ${names.join(", ")}`;
}

/** The range of an axis over all items, with a little room around what is no picture. */
export function rangeOf(items, axis) {
  let [min, max] = [Infinity, -Infinity];
  for (const item of items) {
    for (const values of [item[axis], item[`${axis}0`], item[`${axis}1`]]) {
      for (const value of [values].flat()) {
        if (typeof value !== "number" || !Number.isFinite(value)) continue;
        min = Math.min(min, value);
        max = Math.max(max, value);
      }
    }
  }
  if (min > max) return { min: 0, max: 1 };
  const room = items.some(({ kind }) => kind === "picture") && max > min ? 0 : (max - min) * 0.04 || 0.5;
  return { min: min - room, max: max + room };
}

