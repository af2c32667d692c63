// Panels of plugins: data with units, drawn with the same frames as the image. One that fails harms no other.

import { isAbort } from "../api.js";
import { fill, h } from "../dom.js";
import { color, onTheme } from "../theme.js";
import { automatic } from "./contrast.js";
import { makeFrame, ratio, seriesColor } from "./frame.js";
import { askPanel } from "./loader.js";
import { runsOf } from "./ranges.js";
import { paint, toRows } from "./raster.js";

const HEIGHT = 220;

/** Show the panels of an image in `element`. Returns what ends them. */
export function showPanels(element, info) {
  const controller = new AbortController();
  const ends = [];
  const sections = info.panels.map(({ name }) => h("section", { class: "image-panel" }, h("h3", {}, name)));
  fill(element, sections);
  element.hidden = sections.length === 0;
  info.panels.forEach(async ({ name }, at) => {
    try {
      const panel = await askPanel(info.image_id, name)(controller.signal);
      if (!controller.signal.aborted) ends.push(showPanel(sections[at], name, panel));
    } catch (error) {
      if (!isAbort(error) && !controller.signal.aborted) sections[at].append(h("p", { class: "error" }, error.message));
    }
  });
  return () => {
    controller.abort();
    ends.forEach((end) => end());
  };
}

function showPanel(section, name, panel) {
  if (!panel) {
    section.append(h("p", { class: "muted" }, "Nothing to show for this image."));
    return () => {};
  }
  if (panel.error) {
    section.append(h("p", { class: "error" }, panel.error));
    return () => {};
  }
  const host = h("div", {});
  const names = panel.items.map((item, at) => ({ item, at })).filter(({ item }) => item.name && item.kind !== "picture");
  const legend = names.map(({ item, at }) =>
    h("span", {}, h("span", { class: `image-swatch image-series-${(at % 8) + 1}`, "aria-hidden": "true" }), item.name),
  );
  fill(section, h("h3", {}, panel.title || name), host, legend.length > 0 && h("p", { class: "image-legend" }, legend));
  const frame = makeFrame(host, {
    width: Math.max(240, section.clientWidth),
    height: HEIGHT,
    name: describe(panel),
    x: { ...rangeOf(panel.items, "x"), label: axisLabel(panel.x) },
    y: { ...rangeOf(panel.items, "y"), label: axisLabel(panel.y) },
    below: (ctx, u) => drawPictures(ctx, u, panel.items),
    above: (ctx, u) => panel.items.forEach((item, at) => drawItem(ctx, u, item, at)),
  });
  const resized = new ResizeObserver(() => {
    if (section.clientWidth) frame.resize({ width: Math.max(240, section.clientWidth), height: HEIGHT });
  });
  resized.observe(section);
  const endTheme = onTheme(() => frame.redraw());
  return () => {
    endTheme();
    resized.disconnect();
    frame.destroy();
  };
}

const axisLabel = ({ label, unit }) => (unit ? `${label} (${unit})` : label);

function describe({ title, x, y, items }) {
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

function drawPictures(ctx, u, items) {
  ctx.imageSmoothingEnabled = false;
  for (const item of items) {
    if (item.kind !== "picture" || !item.pixels.length) continue;
    const canvas = document.createElement("canvas");
    // Rows of the data run along y, from y0 upwards.
    const [rows, columns] = [item.pixels.length, item.pixels[0].length];
    const samples = new Float32Array(rows * columns);
    item.pixels.forEach((row, y) => row.forEach((value, x) => (samples[x * rows + y] = value ?? NaN)));
    const finite = samples.filter(Number.isFinite);
    const [low, high] = finite.reduce(([a, b], value) => [Math.min(a, value), Math.max(b, value)], [Infinity, -Infinity]);
    const contrast = { ...automatic({ low, high, p1: low, p99: high }), map: "viridis", inverse: false };
    paint(canvas, toRows(samples, columns, rows, rows, "max"), contrast);
    const [x0, x1] = [item.x0, item.x1].map((value) => u.valToPos(value, "x", true));
    const [y0, y1] = [item.y0, item.y1].map((value) => u.valToPos(value, "y", true));
    ctx.drawImage(canvas, x0, y1, x1 - x0, y0 - y1);
  }
}

function drawItem(ctx, u, item, at) {
  const scale = ratio();
  const x = (value) => u.valToPos(value, "x", true);
  const y = (value) => u.valToPos(value, "y", true);
  ctx.strokeStyle = ctx.fillStyle = seriesColor(at);
  ctx.lineWidth = 1.5 * scale;
  if (item.kind === "lines") {
    ctx.beginPath();
    for (const run of runsOf({ t: item.x, low: item.y, high: item.y }, x, y)) {
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
      const box = [x(value), y(item.y1[i]), x(item.x1[i]) - x(value), y(item.y0[i]) - y(item.y1[i])];
      ctx.globalAlpha = 0.2;
      ctx.fillRect(...box);
      ctx.globalAlpha = 1;
      ctx.strokeRect(...box);
    });
  }
}
