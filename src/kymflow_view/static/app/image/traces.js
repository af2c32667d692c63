// Velocities below the picture, on the same time axis.

import { number } from "./format.js";
import { makeFrame, ratio, seriesColor, timeToPixel } from "./frame.js";
import { xRange } from "./kymograph.js";
import { fullRange, nearest, robustRange, runsOf, valuesOf } from "./ranges.js";
import { drawBands } from "./strip.js";

export const TRACE_HEIGHT = 190;

/** Make the frame. Of `state` it reads also `{traces, hiddenRois, showAll}` and what the strip reads. */
export function makeTraces(host, size, state, onSelect) {
  return makeFrame(host, {
    ...size,
    name: "Velocity traces",
    x: { ...xRange(state), label: `time (${state.units.time})` },
    y: { min: 0, max: 1, label: state.info.trace_unit || " " },
    below: (ctx, u) => drawBands(ctx, u, state),
    above: (ctx, u) => drawTraces(ctx, u, state),
    onSelect,
  });
}

/** Traces as they are drawn: what is no finite number is a gap. */
export function cleaned(traces) {
  const finite = (value) => (typeof value === "number" && Number.isFinite(value) ? value : null);
  return traces.map((trace) => ({ ...trace, low: trace.low.map(finite), high: trace.high.map(finite) }));
}

/** The traces whose ROIs are switched on. */
export const shownTraces = ({ traces, hiddenRois }) => traces.filter(({ roi_id }) => !hiddenRois.has(roi_id));

/** The y axis: from quartiles, or of all values. */
export function traceRange(state) {
  const values = valuesOf(shownTraces(state));
  const { low, high } = state.showAll ? fullRange(values) : robustRange(values);
  return { min: low, max: high };
}

/** The values at a time in words: `ROI 1 −1.2`. */
export function valuesAt(state, time) {
  const texts = [];
  for (const trace of shownTraces(state)) {
    const at = nearest(trace.t, time);
    if (at < 0 || Math.abs(trace.t[at] - time) > state.reach) continue;
    const [low, high] = [trace.low[at], trace.high[at]];
    const several = state.traces.some((other) => other !== trace && other.roi_id === trace.roi_id);
    const name = several ? `ROI ${trace.roi_id} channel ${trace.channel}` : `ROI ${trace.roi_id}`;
    if (low === null) texts.push(`${name} no value`);
    else texts.push(`${name} ${low === high ? number(low) : `${number(low)} to ${number(high)}`}`);
  }
  return texts;
}

function drawTraces(ctx, u, state) {
  const scale = ratio();
  const x = timeToPixel(u);
  // Far outside values would overflow the coordinates of the canvas.
  const { top, height } = u.bbox;
  const y = (value) => Math.min(top + 2 * height, Math.max(top - height, u.valToPos(value, "y", true)));
  ctx.lineWidth = scale;
  ctx.lineJoin = "bevel";
  for (const trace of shownTraces(state)) {
    ctx.strokeStyle = seriesColor(state.roiIndex(trace.roi_id));
    ctx.beginPath();
    for (const run of runsOf(trace, x, y)) {
      // A value alone between gaps is a short line, or it would have no length to draw.
      ctx.moveTo(run.length === 2 ? run[0] - scale : run[0], run[1]);
      if (run.length === 2) ctx.lineTo(run[0] + scale, run[1]);
      for (let i = 2; i < run.length; i += 2) ctx.lineTo(run[i], run[i + 1]);
    }
    ctx.stroke();
  }
}
