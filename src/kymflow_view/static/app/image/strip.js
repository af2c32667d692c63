// Events in lanes above the picture: a lane for every kind, with its name, on the time axis of the picture.

import { color } from "../theme.js";
import { extent, LEAST_WIDTH, spansOf } from "./events.js";
import { shortened } from "./format.js";
import { LEFT, makeFrame, ratio, seriesColor, setFont, timeToPixel } from "./frame.js";
import { xRange } from "./kymograph.js";

const LANE = 15;

/** Height in CSS pixels of the strip. */
export const stripHeight = (kinds) => kinds.length * LANE + 4;

/** Make the strip. Of `state` it reads also `{lanes, shownByKind, kindColors, marked}`. */
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

function drawMarks(ctx, u, { lanes, shownByKind, kindColors, marked }) {
  const scale = ratio();
  const lane = LANE * scale;
  const { left, width } = u.bbox;
  const x = timeToPixel(u);
  lanes.forEach((kind, at) => {
    const y = u.bbox.top + at * lane;
    const events = shownByKind.get(kind) ?? [];
    ctx.fillStyle = seriesColor(kindColors.get(kind));
    for (const span of spansOf(events, x, LEAST_WIDTH * scale, left, left + width)) {
      ctx.fillRect(span.left, y + 2 * scale, span.width, lane - 4 * scale);
    }
    drawOpenEnds(ctx, events, x, y + lane / 2, u.bbox);
    if (marked?.kind === kind) outline(ctx, extent(marked, x, LEAST_WIDTH * scale), y, lane, scale);
  });
}

/** Small arrows: these events began, and their end is not known. */
function drawOpenEnds(ctx, events, x, y, { left, width }) {
  const scale = ratio();
  let last = -Infinity;
  ctx.beginPath();
  for (const event of events) {
    if (event.stop !== null) continue;
    const at = x(event.start) + (LEAST_WIDTH / 2) * scale;
    // One arrow for each pixel is what can be seen.
    if (at < left - 5 * scale || at > left + width || at - last < 1) continue;
    last = at;
    ctx.moveTo(at, y - 3 * scale);
    ctx.lineTo(at + 4 * scale, y);
    ctx.lineTo(at, y + 3 * scale);
  }
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

/** Bands of the events behind traces; the marked one stands out. */
export function drawBands(ctx, u, { shownByKind, kindColors, marked }) {
  const { left, top, width, height } = u.bbox;
  const least = LEAST_WIDTH * ratio();
  const x = timeToPixel(u);
  const bands = [...shownByKind].map(([kind, events]) => ({ kind, spans: spansOf(events, x, least, left, left + width) }));
  // The more bands, the paler: the traces stay legible.
  const shown = bands.reduce((sum, { spans }) => sum + spans.length, 0);
  const alpha = Math.min(0.22, Math.max(0.05, 6 / shown));
  for (const { kind, spans } of bands) {
    ctx.fillStyle = seriesColor(kindColors.get(kind));
    for (const span of spans) {
      ctx.globalAlpha = span.width > 3 * least ? alpha : 2 * alpha;
      ctx.fillRect(span.left, top, span.width, height);
    }
  }
  if (marked) {
    ctx.fillStyle = seriesColor(kindColors.get(marked.kind));
    ctx.globalAlpha = 0.6;
    const { left: start, width: wide } = extent(marked, x, least);
    ctx.fillRect(start, top, wide, height);
  }
  ctx.globalAlpha = 1;
}
