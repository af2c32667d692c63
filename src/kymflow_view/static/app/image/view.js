// Which lines are shown: `{from, to}`, whole lines, half-open. Whole lines keep the picture, the axes and the URL equal.

/** Fewer lines than this are not shown, unless the image has fewer. */
export const LEAST_LINES = 8;

/** All lines of an image. */
export const whole = (lines) => ({ from: 0, to: lines });

/** The nearest view that lies within the image. */
export function fit({ from, to }, lines) {
  const span = Math.min(lines, Math.max(Math.min(LEAST_LINES, lines), Math.round(to) - Math.round(from)));
  const start = Math.min(Math.max(0, Math.round(from)), lines - span);
  return { from: start, to: start + span };
}

/** Zoom by `factor` (below 1: closer) so that `line` stays where it is. */
export function zoom(view, line, factor, lines) {
  const span = view.to - view.from;
  let next = span * factor;
  if (Math.abs(next - span) < 2) next = span + (factor < 1 ? -2 : 2); // A step is seen also at a few lines.
  next = Math.min(lines, Math.max(LEAST_LINES, next));
  const share = Math.min(1, Math.max(0, (line - view.from) / span));
  const from = line - share * next;
  return fit({ from, to: from + next }, lines);
}

/** Move by `delta` lines; the view stops at the ends of the image. */
export function pan(view, delta, lines) {
  return fit({ from: view.from + delta, to: view.to + delta }, lines);
}

export const isWhole = (view, lines) => view.from === 0 && view.to === lines;
export const isSame = (one, other) => one.from === other.from && one.to === other.to;

/** A view that shows `start` to `stop` (lines) with some of what lies around it. */
export function around(start, stop, lines) {
  const length = Math.max(0, stop - start);
  const margin = Math.max(length, Math.min(lines / 60, 500), LEAST_LINES);
  return fit({ from: start - margin, to: stop + margin }, lines);
}
