// Events in lanes above the picture: a lane for every kind, with its name, on the time axis of the picture.

import { color } from "../theme.js";
import { extent, LEAST_WIDTH } from "./events.js";
import { shortened } from "./format.js";
import { LEFT, makeFrame, ratio, seriesColor, setFont } from "./frame.js";
import { xRange } from "./kymograph.js";

export const LANE = 15;

/** Height in CSS pixels of the strip. */
export const stripHeight = (kinds) => kinds.length * LANE + 4;

/** Make the strip. Of `state` it reads also `{lanes, shownEvents, kindColors, marked}`. */
export function makeStrip(host, size, state, onSelect) {
  return makeFrame(host, {
    ...size,
    name: "Events by kind",
    x: { ...xRange(state), hidden: true, grid: false },
    y: { min: 0, max: 1, hidden: true },
    below: (ctx, u) => drawLanes(ctx, u, state),
    above: (ctx, u) => drawMarks(ctx, u, state),
    margin: (ctx, u) => drawNames(ctx, u, state),
    onSelect,
  });
}

/** The kind whose lane is at `y` (CSS pixels below the top of the inside). */
export const laneAt = (lanes, y) => lanes[Math.floor(y / LANE)] ?? null;

function drawLanes(ctx, u, { lanes }) {
  const { left, top, width } = u.bbox;
  const lane = LANE * ratio();
  lanes.forEach((_, at) => {
    ctx.fillStyle = color(at % 2 ? "--bg" : "--panel");
    ctx.fillRect(left, top + at * lane, width, lane);
  });
}

function drawMarks(ctx, u, { lanes, shownEvents, kindColors, marked }) {
  const scale = ratio();
  const lane = LANE * scale;
  const { left, top, width } = u.bbox;
  const x = (time) => u.valToPos(time, "x", true);
  lanes.forEach((kind, at) => {
    ctx.fillStyle = seriesColor(kindColors.get(kind));
    for (const event of shownEvents) {
      if (event.kind !== kind) continue;
      const mark = extent(event, x, LEAST_WIDTH * scale);
      if (mark.left > left + width || mark.left + mark.width < left) continue;
      const y = top + at * lane;
      ctx.fillRect(mark.left, y + 2 * scale, mark.width, lane - 4 * scale);
      if (event.stop === null) openEnd(ctx, mark.left + mark.width, y + lane / 2, scale);
      if (event === marked) outline(ctx, mark, y, lane, scale);
    }
  });
}

/** A small arrow: this event began, and its end is not known. */
function openEnd(ctx, x, y, scale) {
  ctx.beginPath();
  ctx.moveTo(x, y - 3 * scale);
  ctx.lineTo(x + 4 * scale, y);
  ctx.lineTo(x, y + 3 * scale);
  ctx.fill();
}

function outline(ctx, { left, width }, y, lane, scale) {
  ctx.strokeStyle = color("--text");
  ctx.lineWidth = 1.5 * scale;
  ctx.strokeRect(left - 1.5 * scale, y + scale, width + 3 * scale, lane - 2 * scale);
}

function drawNames(ctx, u, { lanes }) {
  const scale = ratio();
  setFont(ctx, 11);
  ctx.textBaseline = "middle";
  ctx.textAlign = "right";
  ctx.fillStyle = color("--text");
  const room = (LEFT - 8) * scale;
  lanes.forEach((kind, at) => {
    const name = shortened(kind, room, (text) => ctx.measureText(text).width);
    ctx.fillText(name, u.bbox.left - 5 * scale, u.bbox.top + (at + 0.5) * LANE * scale);
  });
  ctx.textAlign = "left";
}

/** Bands of the events behind traces, and the marked event over all of a frame. */
export function drawBands(ctx, u, { shownEvents, kindColors }) {
  const { left, top, width, height } = u.bbox;
  const scale = ratio();
  const x = (time) => u.valToPos(time, "x", true);
  const bands = shownEvents.map((event) => ({ kind: event.kind, ...extent(event, x, LEAST_WIDTH * scale) }));
  const seen = bands.filter((band) => band.left <= left + width && band.left + band.width >= left);
  // The more bands, the paler: the traces stay legible.
  const alpha = Math.min(0.22, Math.max(0.05, 6 / seen.length));
  const colors = new Map([...kindColors].map(([kind, index]) => [kind, seriesColor(index)]));
  for (const band of seen) {
    ctx.fillStyle = colors.get(band.kind);
    ctx.globalAlpha = band.width > 3 * LEAST_WIDTH * scale ? alpha : 2 * alpha;
    ctx.fillRect(band.left, top, band.width, height);
  }
  ctx.globalAlpha = 1;
}

/** Edges of the marked event. */
export function drawMarked(ctx, u, { marked, kindColors }, style) {
  if (!marked) return;
  const scale = ratio();
  const mark = extent(marked, (time) => u.valToPos(time, "x", true), LEAST_WIDTH * scale);
  ctx.strokeStyle = style ?? seriesColor(kindColors.get(marked.kind));
  ctx.lineWidth = 1.5 * scale;
  ctx.setLineDash([5 * scale, 3 * scale]);
  for (const at of [mark.left, mark.left + mark.width]) {
    ctx.beginPath();
    ctx.moveTo(at, u.bbox.top);
    ctx.lineTo(at, u.bbox.top + u.bbox.height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
}
