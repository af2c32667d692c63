// Kinds of events and ROIs: buttons that switch them on and off.

import { fill, h } from "../dom.js";
import { countText } from "../cells.js";
import { roiName } from "./format.js";
import { seriesName } from "./frame.js";

/** A small square in one of the colours of the figure. */
export function swatch(index) {
  const square = h("span", { class: "image-swatch", "aria-hidden": "true" });
  square.style.color = `var(${seriesName(index)})`;
  return square;
}

/** Show the buttons of `{key, text, index, on}` in `element`; `onToggle(key)` when one is pressed. */
export function showLegend(element, name, entries, onToggle) {
  element.hidden = entries.length === 0;
  // The button that has the focus keeps it.
  const focused = [...element.querySelectorAll("button")].indexOf(document.activeElement);
  const buttons = entries.map(({ key, text, index, on }) =>
    h(
      "button",
      { type: "button", class: "quiet", "aria-pressed": String(on), onclick: () => onToggle(key) },
      swatch(index),
      text,
    ),
  );
  fill(element, h("span", { class: "muted" }, name), buttons);
  if (focused >= 0) buttons[focused]?.focus();
}

/** Entries of the kinds of events. */
export function kindEntries({ kinds, kindColors, hiddenKinds }) {
  return kinds.map(({ kind, count: events, unplaced }) => ({
    key: kind,
    text: `${kind} (${countText(events)}${unplaced ? `, ${countText(unplaced)} without a time` : ""})`,
    index: kindColors.get(kind),
    on: !hiddenKinds.has(kind),
  }));
}

/** Entries of the ROIs. */
export function roiEntries({ info, hiddenRois }) {
  return info.rois.map((roi, index) => ({ key: roi.roi_id, text: roiName(roi), index, on: !hiddenRois.has(roi.roi_id) }));
}
