// A frame is a uPlot with fixed margins, so that frames below one another share their time axis to the pixel.
// uPlot draws axes, grid, cursor and selection; what is inside is drawn by `below` and `above` the grid.

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { color } from "../theme.js";

export const LEFT = 66;
const RIGHT = 24;
const LABEL = 18;
const FONT = '12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif';

/**
 * Make a frame in `host`.
 *
 * x, y: `{min, max, label, hidden, grid}`; `above` and `below`: `(ctx, u) => ...`, clipped to the inside;
 * `margin`: `(ctx, u) => ...`, not clipped. `onSelect(min, max)`: somebody dragged over a part of the x axis.
 */
export function makeFrame(host, { width, height, x, y, name, below, above, margin, onSelect }) {
  const options = {
    width,
    height,
    padding: [y.hidden ? 0 : 6, RIGHT, 2, 0],
    legend: { show: false },
    cursor: {
      y: false,
      points: { show: false },
      drag: { x: Boolean(onSelect), y: false, setScale: false },
      bind: {
        dblclick: () => null,
        mousedown: (u, target, handler) => (event) => (event.shiftKey ? null : handler(event)),
      },
    },
    scales: { x: { time: false, auto: false }, y: { auto: false } },
    series: [{}, { scale: "y", paths: () => null, points: { show: false } }],
    axes: [xAxis(x), yAxis(y)],
    hooks: {
      drawClear: [(u) => clipped(u, below)],
      draw: [(u) => clipped(u, above), (u) => margin?.(u.ctx, u)],
      setSelect: [(u) => selected(u, onSelect)],
    },
  };
  const data = [[x.min, x.max], [null, null]];
  const u = new uPlot(options, data, host);
  u.ctx.canvas.setAttribute("role", "img");
  const frame = {
    u,
    /** Show other ranges; those that are left out stay. */
    show(ranges) {
      u.batch(() => {
        if (ranges.x) u.setScale("x", ranges.x);
        if (ranges.y) u.setScale("y", ranges.y);
      });
    },
    redraw: () => u.redraw(false, false),
    resize: (size) => u.setSize(size),
    describe: (text) => u.ctx.canvas.setAttribute("aria-label", text),
    destroy: () => u.destroy(),
  };
  frame.describe(name);
  frame.show({ x: { min: x.min, max: x.max }, y: { min: y.min, max: y.max } });
  return frame;
}

function xAxis({ label, hidden, grid = true }) {
  return {
    show: !hidden,
    font: FONT,
    labelFont: FONT,
    size: 26,
    gap: 4,
    label: label || null,
    labelSize: LABEL,
    labelGap: 0,
    stroke: () => color("--text"),
    grid: { show: grid, stroke: () => color("--line"), width: 1 },
    ticks: { stroke: () => color("--line-strong"), size: 5, width: 1 },
    space: 70,
  };
}

function yAxis({ label, hidden, grid = true }) {
  return {
    // A hidden axis keeps its place.
    show: true,
    font: FONT,
    labelFont: FONT,
    size: label ? LEFT - LABEL : LEFT,
    gap: 4,
    label: label || null,
    labelSize: LABEL,
    labelGap: -2,
    stroke: () => color("--text"),
    grid: { show: grid && !hidden, stroke: () => color("--line"), width: 1 },
    ticks: { show: !hidden, stroke: () => color("--line-strong"), size: 5, width: 1 },
    space: 26,
    ...(hidden && { splits: () => [], values: () => [] }),
  };
}

function clipped(u, draw) {
  if (!draw) return;
  const { left, top, width, height } = u.bbox;
  u.ctx.save();
  u.ctx.beginPath();
  u.ctx.rect(left, top, width, height);
  u.ctx.clip();
  draw(u.ctx, u);
  u.ctx.restore();
}

function selected(u, onSelect) {
  const { left, width } = u.select;
  if (width === 0) return;
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  if (width > 3) onSelect?.(u.posToVal(left, "x"), u.posToVal(left + width, "x"));
}

/** From the x axis to device pixels; faster than uPlot's own where there are many values. */
export function timeToPixel({ bbox, scales }) {
  const { min, max } = scales.x;
  const perUnit = bbox.width / (max - min);
  return (value) => bbox.left + (value - min) * perUnit;
}

/** Device pixels per CSS pixel. */
export const ratio = () => devicePixelRatio;

/** One of the colours of traces, ROIs and kinds of events. */
export const seriesName = (index) => `--series-${(index % 8) + 1}`;
export const seriesColor = (index) => color(seriesName(index));

/** Set the font of what is drawn besides the axes. */
export function setFont(ctx, size = 12) {
  ctx.font = FONT.replace("12px", `${size * ratio()}px`);
}
