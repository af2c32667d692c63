// Axes of traces: from quartiles, since single velocities reach millions of mm/s.

/** Values beyond this many interquartile distances from the quartiles lie outside the axis. */
const FENCE = 3;
/** The middle nine tenths are on the axis, unless they make it more than ten times as long; as in figures. */
const RARE = 0.05;
const FLATTENED = 10;

/** The range that `values` are shown in: `{low, high}`; `{low: 0, high: 1}` where there are none. */
export function robustRange(values) {
  const sorted = Float64Array.from(values.filter(Number.isFinite)).sort();
  if (sorted.length === 0) return { low: 0, high: 1 };
  const [first, third] = [quantile(sorted, 0.25), quantile(sorted, 0.75)];
  const fence = FENCE * (third - first);
  // Where at least half of the values are equal, the quartiles tell nothing: all are shown.
  if (fence === 0) return padded(sorted[0], sorted.at(-1));
  const low = Math.max(sorted[0], first - fence);
  const high = Math.min(sorted.at(-1), third + fence);
  const begin = Math.min(low, quantile(sorted, RARE));
  const end = Math.max(high, quantile(sorted, 1 - RARE));
  return end - begin <= FLATTENED * (high - low) ? padded(begin, end) : padded(low, high);
}

/** The range of all values. */
export function fullRange(values) {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return { low: 0, high: 1 };
  return padded(finite.reduce((a, b) => Math.min(a, b)), finite.reduce((a, b) => Math.max(a, b)));
}

function padded(low, high) {
  const margin = (high - low) * 0.05 || Math.abs(high) * 0.05 || 0.5;
  return { low: low - margin, high: high + margin };
}

function quantile(sorted, share) {
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  return sorted[below] + (place - below) * ((sorted[below + 1] ?? sorted[below]) - sorted[below]);
}

/** The lows and highs of traces in one list; a sample that is alone in its column counts once. */
export function valuesOf(traces) {
  const values = [];
  for (const { low, high, raw } of traces) {
    for (const value of low) if (value !== null) values.push(value);
    if (!raw) for (const value of high) if (value !== null) values.push(value);
  }
  return values;
}

/**
 * The corners of a trace's line as runs of `[x, y, x, y, ...]`: through the low and the high of every column, so
 * that a single sample is always drawn. A gap ends a run. `x` and `y` turn values into pixels.
 */
export function runsOf({ t, low, high }, x, y) {
  const runs = [];
  let run = null;
  for (let i = 0; i < t.length; i++) {
    if (low[i] === null || high[i] === null) {
      run = null;
      continue;
    }
    if (run === null) runs.push((run = []));
    const [at, bottom, top] = [x(t[i]), y(low[i]), y(high[i])];
    if (bottom === top) run.push(at, bottom);
    else {
      // Enter the column at its nearer end.
      const last = run.at(-1) ?? bottom;
      const lowFirst = Math.abs(last - bottom) <= Math.abs(last - top);
      run.push(at, lowFirst ? bottom : top, at, lowFirst ? top : bottom);
    }
  }
  return runs;
}

/** Index of the column of sorted `times` that is nearest to a time; -1 for none. */
export function nearest(times, time) {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  if (low === times.length || (low > 0 && time - times[low - 1] < times[low] - time)) low -= 1;
  return low;
}

/**
 * How many values lie outside an axis, and whether these are columns of several samples each (`exact` is false
 * then: at least that many samples lie outside).
 */
export function outside(traces, { min, max }) {
  let found = 0;
  let exact = true;
  for (const { low, high, raw } of traces) {
    exact &&= raw;
    for (let i = 0; i < low.length; i++) {
      if (low[i] !== null && low[i] < min) found += 1;
      if (high[i] !== null && high[i] > max) found += 1;
    }
  }
  return { count: found, exact };
}
