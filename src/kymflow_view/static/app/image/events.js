// Events of an image: in order, by kind, and found under the mouse.

/** A mark is at least this wide on the screen, in CSS pixels. */
export const LEAST_WIDTH = 2;

/**
 * Events that have a place in time, by start: `start` and `stop` in order (a file may hold them the other way
 * round), `stop` null where the end is not known.
 */
export function placed(events) {
  const list = [];
  for (const event of events) {
    const ends = [event.t0, event.t1].filter((time) => typeof time === "number");
    if (ends.length === 0) continue;
    list.push({ ...event, start: Math.min(...ends), stop: ends.length === 2 ? Math.max(...ends) : null });
  }
  return list.sort((one, other) => one.start - other.start);
}

/** Kinds by name, with the number of their events: `[{kind, count, unplaced}]`. */
export function kindsOf(events) {
  const kinds = new Map();
  for (const { kind, t0, t1 } of events) {
    const entry = kinds.get(kind) ?? { kind, count: 0, unplaced: 0 };
    entry.count += 1;
    if (typeof t0 !== "number" && typeof t1 !== "number") entry.unplaced += 1;
    kinds.set(kind, entry);
  }
  return [...kinds.values()].sort((one, other) => (one.kind < other.kind ? -1 : 1));
}

/** Colours of kinds: those that the first three ROIs do not have come first. */
const FEW_KINDS = [3, 4, 5, 7, 6];
const MANY_KINDS = [...FEW_KINDS, 0, 1, 2];

/**
 * The index of a colour for every kind: the same kind has the same colour in every image, unless another kind of
 * this image took it. More kinds than colours share them; the lanes still tell them apart.
 */
export function colorIndices(kinds) {
  const palette = kinds.length > FEW_KINDS.length ? MANY_KINDS : FEW_KINDS;
  const size = palette.length;
  const taken = new Set();
  const indices = new Map();
  for (const kind of kinds) {
    let index = [...kind].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 65521, 7) % size;
    if (taken.size < size) while (taken.has(index)) index = (index + 1) % size;
    taken.add(index);
    indices.set(kind, palette[index]);
  }
  return indices;
}

/** The left edge and the width of a mark in pixels; `least` is the least width. */
export function extent(event, toPixel, least) {
  const left = toPixel(event.start);
  const width = event.stop === null ? 0 : toPixel(event.stop) - left;
  return width >= least ? { left, width } : { left: left + width / 2 - least / 2, width: least };
}

/**
 * What is inked from `first` to `last` (pixels) by events that are ordered by start: their marks, those that touch
 * put together. However many events there are, no more is drawn than there are pixels, and none is left out.
 */
export function spansOf(events, toPixel, least, first, last) {
  const spans = [];
  let current = null;
  for (const event of events) {
    const { left, width } = extent(event, toPixel, least);
    if (left > last) break;
    if (left + width < first) continue;
    if (current && left <= current.left + current.width) current.width = Math.max(current.width, left + width - current.left);
    else spans.push((current = { left, width }));
  }
  return spans;
}

/** The event at a time: the shortest of those that cover it, or else the nearest within `reach`; null for none. */
export function eventAt(events, time, reach) {
  let best = null;
  let least = Infinity;
  for (const event of events) {
    if (event.start > time + reach) break;
    const stop = event.stop ?? event.start;
    if (stop < time - reach) continue;
    const inside = event.start <= time && time <= stop;
    const distance = inside ? 0 : Math.min(Math.abs(event.start - time), Math.abs(stop - time));
    const rank = distance + (stop - event.start) * 1e-6;
    if (rank < least) [best, least] = [event, rank];
  }
  return best;
}

/** The event of a clicked row of a table: that of its id, or else of its ROI, kind and start (to 1 ms); null for none. */
export function eventOfRow(events, values) {
  const time = numberOf(values.t0_s);
  const named = values.event_id ? events.find((event) => event.event_id === values.event_id) : null;
  if (named || time === null) return named ?? null;
  let best = null;
  // In seconds, whatever the time axis is in.
  const distance = (event) => Math.abs((event.t0_s ?? event.t0 ?? event.start) - time);
  for (const event of events) {
    const same = (values.kind ?? event.kind) === event.kind && (values.roi_id ?? event.roi_id) === event.roi_id;
    if (same && (best === null || distance(event) < distance(best))) best = event;
  }
  return best !== null && distance(best) < 1e-3 ? best : null;
}

/** Start and stop in seconds that a row of a table tells, or null. */
export function timesOfRow(row) {
  const start = numberOf(row?.values?.t0_s);
  if (start === null) return null;
  const stop = numberOf(row.values.t1_s) ?? start;
  return { start: Math.min(start, stop), stop: Math.max(start, stop) };
}

const numberOf = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
