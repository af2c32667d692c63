// Panels of plugins: data with units, drawn with the same frames as the image. One that fails harms no other.

import { isAbort } from "../api.js";
import { fill, h } from "../dom.js";
import { color, onTheme } from "../theme.js";
import { automatic } from "./contrast.js";
import { makeFrame, ratio, seriesColor, timeToPixel } from "./frame.js";
import { swatch } from "./legend.js";
import { askPanel } from "./loader.js";
import { axisLabel, describe, linkedRange, perPixel, rangeOf, readPanel } from "./panel_data.js";
import { runsOf } from "./ranges.js";
import { paint } from "./raster.js";

const HEIGHT = 220;

/**
 * Show the panels of an image in `element`. One whose x axis is the time of the kymograph, in its unit or in lines,
 * follows the zoom of `figure`. Returns what ends them.
 */
export function showPanels(element, state, figure) {
  const { info } = state;
  const controller = new AbortController();
  const ends = [() => controller.abort()];
  const sections = info.panels.map(({ name }) => h("section", { class: "image-panel" }, h("h3", {}, name)));
  fill(element, sections);
  element.hidden = sections.length === 0;
  info.panels.forEach(async ({ name }, at) => {
    const section = sections[at];
    try {
      const panel = await askPanel(info.image_id, name)(controller.signal);
      if (controller.signal.aborted) return;
      if (panel?.error) section.append(h("p", { class: "error" }, panel.error));
      else if (panel) ends.push(drawPanel(section, readPanel(panel, name), state, figure));
      else section.append(h("p", { class: "muted" }, "Nothing to show for this image."));
    } catch (error) {
      if (!isAbort(error) && !controller.signal.aborted) section.append(h("p", { class: "error" }, error.message));
    }
  });
  return () => ends.forEach((end) => end());
}

function drawPanel(section, panel, state, figure) {
  const host = h("div", {});
  fill(section, h("h3", {}, panel.title), host, legendOf(panel));
  // Lines of the grid would cross a picture.
  const grid = panel.items.every(({ kind }) => kind !== "picture");
  const own = rangeOf(panel.items, "x");
  const xNow = () => linkedRange(panel.x.unit, state) ?? own;
  const width = () => Math.max(240, section.clientWidth);
  const frame = makeFrame(host, {
    width: width(),
    height: HEIGHT,
    name: describe(panel),
    x: { ...xNow(), label: axisLabel(panel.x), grid },
    y: { ...rangeOf(panel.items, "y"), label: axisLabel(panel.y), grid },
    below: (ctx, u) => drawPictures(ctx, u, panel.items),
    above: (ctx, u) => panel.items.forEach((item, at) => drawItem(ctx, u, item, at)),
  });
  const resized = new ResizeObserver(() => section.clientWidth && frame.resize({ width: width(), height: HEIGHT }));
  resized.observe(section);
  const endTheme = onTheme(() => frame.redraw());
  const endFollow = figure.onShown(() => frame.show({ x: xNow() }));
  return () => {
    endTheme();
    endFollow();
    resized.disconnect();
    frame.destroy();
  };
}

function legendOf({ items }) {
  const entries = items.map((item, at) => item.name && h("span", {}, swatch(at), item.name));
  return entries.some(Boolean) && h("p", { class: "image-legend" }, entries);
}

function drawPictures(ctx, u, items) {
  ctx.imageSmoothingEnabled = false;
  for (const item of items) {
    if (item.kind !== "picture") continue;
    const [x0, x1] = [item.x0, item.x1].map((value) => u.valToPos(value, "x", true));
    const [y0, y1] = [item.y0, item.y1].map((value) => u.valToPos(value, "y", true));
    ctx.drawImage((item.canvas ??= painted(item)), x0, y1, x1 - x0, y0 - y1);
  }
}

/** A picture as a canvas; its first row is the lowest. */
function painted({ pixels, rows, columns, low, high }) {
  const canvas = document.createElement("canvas");
  const samples = new Float32Array(pixels.length);
  for (let row = 0; row < rows; row++) samples.set(pixels.subarray(row * columns, (row + 1) * columns), (rows - 1 - row) * columns);
  const { black, white } = automatic({ low, high, p1: low, p99: high });
  paint(canvas, { samples, columns, height: rows }, { black, white, map: "viridis", inverse: false });
  return canvas;
}

function drawItem(ctx, u, item, at) {
  const scale = ratio();
  // What lies far outside, or at infinity, would overflow the coordinates of the canvas.
  const { left, top, width, height } = u.bbox;
  const x = (value) => Math.min(left + 2 * width, Math.max(left - width, u.valToPos(value, "x", true)));
  const y = (value) => Math.min(top + 2 * height, Math.max(top - height, u.valToPos(value, "y", true)));
  ctx.strokeStyle = ctx.fillStyle = seriesColor(at);
  ctx.lineWidth = 1.5 * scale;
  if (item.kind === "lines") {
    ctx.beginPath();
    const line = perPixel(item.x, item.y, timeToPixel(u), left, left + width);
    for (const run of runsOf(line, (pixel) => pixel, y)) {
      ctx.moveTo(run[0], run[1]);
      for (let i = 2; i < run.length; i += 2) ctx.lineTo(run[i], run[i + 1]);
    }
    ctx.stroke();
  } else if (item.kind === "points") {
    item.x.forEach((value, i) => {
      if (value === null || item.y[i] === null) return;
      ctx.beginPath();
      ctx.arc(x(value), y(item.y[i]), 3.5 * scale, 0, 2 * Math.PI);
      ctx.fill();
      ctx.strokeStyle = color("--bg");
      ctx.stroke();
    });
  } else if (item.kind === "boxes") {
    item.x0.forEach((value, i) => {
      if (x(item.x1[i]) < left || x(value) > left + width) return;
      const box = [x(value), y(item.y1[i]), x(item.x1[i]) - x(value), y(item.y0[i]) - y(item.y1[i])];
      ctx.globalAlpha = 0.2;
      ctx.fillRect(...box);
      ctx.globalAlpha = 1;
      ctx.strokeRect(...box);
    });
  }
}
