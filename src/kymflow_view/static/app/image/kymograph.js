// The picture, its axes, and the boxes of ROIs.

import { color } from "../theme.js";
import { roiName } from "./format.js";
import { makeFrame, ratio, seriesColor, setFont } from "./frame.js";
import { paint, sampleAt, toRows } from "./raster.js";

/** Height in CSS pixels: a pixel of the image is at least one, and narrow lines are not blown up without end. */
export function heightOf(pixels, most) {
  return Math.round(Math.min(most, Math.max(110, pixels * 10))) + 34;
}

/**
 * Make the frame of the picture. `state` is read whenever it is drawn: `{info, units, view, plane, contrast,
 * hiddenRois, lowest}`.
 */
export function makeKymograph(host, size, state, onSelect) {
  // The whole image, once it was shown, lies below the part that is shown: zooming out finds it at once.
  const layers = [];
  const { info, units } = state;
  const frame = makeFrame(host, {
    ...size,
    name: `Kymograph of ${info.name}`,
    x: { ...xRange(state), label: state.lowest && `time (${units.time})`, grid: false },
    y: { min: 0, max: info.pixels * units.pixel, label: units.space, grid: false },
    below: (ctx, u) => drawLayers(ctx, u, layers, state),
    above: (ctx, u) => drawRois(ctx, u, state),
    onSelect,
  });
  return {
    ...frame,
    /** Show a picture; the one before is kept only if it is of the whole image, and of the same channel. */
    setPicture(picture) {
      const kept = layers.filter(({ picture: old }) => isWhole(old, info) && !isWhole(picture, info) && old.channel === picture.channel);
      layers.splice(0, layers.length, ...kept, { picture, canvas: document.createElement("canvas") });
      frame.redraw();
    },
    /** The sample under the mouse: `{value, plane}` or null. */
    sample: (line, pixel) => sampleAt(layers.at(-1)?.picture, state.plane, line, pixel),
  };
}

export const xRange = ({ view, units }) => ({ min: view.from * units.line, max: view.to * units.line });

const isWhole = (picture, { lines }) => picture.from === 0 && picture.to === lines;

function drawLayers(ctx, u, layers, state) {
  const { left, top, width, height } = u.bbox;
  ctx.fillStyle = color("--panel");
  ctx.fillRect(left, top, width, height);
  const { view } = state;
  ctx.imageSmoothingEnabled = false;
  const pixelsPerLine = width / (view.to - view.from);
  for (const layer of layers) {
    const { picture, canvas } = layer;
    const from = Math.max(view.from, picture.from);
    const to = Math.min(view.to, picture.to);
    if (from >= to) continue;
    prepare(layer, height, state);
    const columnsPerLine = picture.columns / (picture.to - picture.from);
    const [x, columns] = [(from - picture.from) * columnsPerLine, (to - from) * columnsPerLine];
    const [start, wide] = [left + (from - view.from) * pixelsPerLine, (to - from) * pixelsPerLine];
    ctx.drawImage(canvas, x, 0, columns, canvas.height, start, top, wide, height);
  }
}

/** Reduce and colour a layer again only if what it depends on has changed. */
function prepare(layer, height, { plane, contrast }) {
  if (layer.plane !== plane) {
    layer.rows = toRows(layer.picture, plane, height);
    Object.assign(layer, { plane, painted: null });
  }
  if (layer.painted === contrast) return;
  paint(layer.canvas, layer.rows, contrast);
  layer.painted = contrast;
}

function drawRois(ctx, u, { info, units, hiddenRois }) {
  const scale = ratio();
  setFont(ctx, 11);
  ctx.textBaseline = "top";
  ctx.textAlign = "left";
  const labels = [];
  info.rois.forEach((roi, index) => {
    if (hiddenRois.has(roi.roi_id)) return;
    const [x0, x1] = [roi.line_start, roi.line_stop].map((line) => u.valToPos(line * units.line, "x", true));
    const [y0, y1] = [roi.pixel_stop, roi.pixel_start].map((pixel) => u.valToPos(pixel * units.pixel, "y", true));
    // An edge in the colour of the ground keeps the box visible on dark and on bright pixels.
    for (const [style, width] of [[color("--bg"), 4], [seriesColor(index), 2]]) {
      ctx.strokeStyle = style;
      ctx.lineWidth = width * scale;
      ctx.strokeRect(x0 + scale, y0 + scale, x1 - x0 - 2 * scale, y1 - y0 - 2 * scale);
    }
    const { left, width } = u.bbox;
    if (x1 > left && x0 < left + width) labels.push({ text: roiName(roi), index, x: Math.max(x0, left), y: y0 });
  });
  drawLabels(ctx, labels, u);
}

/** Labels of ROIs on a ground of their own; one that would cover another moves down. */
function drawLabels(ctx, labels, u) {
  const scale = ratio();
  const height = 15 * scale;
  const placed = [];
  for (const label of labels) {
    const width = Math.min(ctx.measureText(label.text).width + 16 * scale, u.bbox.width);
    const box = { x: Math.min(label.x + 4 * scale, u.bbox.left + u.bbox.width - width), y: label.y + 4 * scale, width };
    while (placed.some((other) => Math.abs(other.y - box.y) < height && box.x < other.x + other.width && other.x < box.x + box.width)) {
      box.y += height + scale;
    }
    placed.push(box);
    ctx.fillStyle = color("--raised");
    ctx.globalAlpha = 0.88;
    ctx.fillRect(box.x, box.y, width, height);
    ctx.globalAlpha = 1;
    ctx.fillStyle = seriesColor(label.index);
    ctx.fillRect(box.x + 3 * scale, box.y + 3 * scale, 7 * scale, 9 * scale);
    ctx.fillStyle = color("--text");
    ctx.fillText(label.text, box.x + 13 * scale, box.y + 2 * scale, width - 14 * scale);
  }
}
