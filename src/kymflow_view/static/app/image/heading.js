// What image this is, and the way to its neighbours.

import { fill, h } from "../dom.js";
import { plural } from "../cells.js";
import { number } from "./format.js";

/** Show the heading of an image in `element`. */
export function showHeading(element, info, onStep) {
  const step = (text, title, by) => h("button", { type: "button", title, "aria-label": title, onclick: () => onStep?.(by, "image") }, text);
  // A button that was pressed keeps the focus when the next image comes.
  const focused = [...element.querySelectorAll("button")].indexOf(document.activeElement);
  const steps = h("span", { class: "image-steps" }, step("\u2039", "Previous image ([)", -1), step("\u203a", "Next image (])", 1));
  fill(
    element,
    h("div", { class: "image-title" }, h("h2", {}, info.name), steps),
    info.rel_path && info.rel_path !== info.name && h("p", { class: "image-path" }, info.rel_path),
    h("p", { class: "image-facts" }, facts(info).join(" · ")),
  );
  if (focused >= 0) element.querySelectorAll("button")[focused].focus();
}

/** Facts about an image in words. */
export function facts(info) {
  const { lines, pixels, seconds_per_line: line, um_per_pixel: pixel } = info;
  const parts = [`${plural(lines, "line")} × ${plural(pixels, "pixel")}`, calibration(lines, pixels, line, pixel)];
  if (info.channels > 1) parts.push(plural(info.channels, "channel"));
  parts.push(info.rois.length ? plural(info.rois.length, "ROI") : "no ROIs");
  parts.push(info.events.length ? plural(info.events.length, "event") : "no events");
  if (!info.traces.length) parts.push("no velocities");
  if (info.accepted === true) parts.push("accepted");
  if (info.accepted === false) parts.push("not accepted");
  return parts;
}

function calibration(lines, pixels, line, pixel) {
  if (line === null && pixel === null) return "not calibrated";
  const time = line === null ? "time not calibrated" : `${number(lines * line, 5)} s`;
  const length = pixel === null ? "length not calibrated" : `${number(pixels * pixel, 4)} µm`;
  return `${time} × ${length}`;
}
