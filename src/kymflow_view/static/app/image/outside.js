// What lies outside the axis of the traces, and the switch that shows it.

import { h } from "../dom.js";
import { countText } from "../cells.js";
import { outside } from "./ranges.js";
import { shownTraces, traceRange } from "./traces.js";

/** Tell how many samples lie outside the axis; the box switches to an axis of all values. */
export function outsideSwitch(state, onChange) {
  const found = outside(shownTraces(state), traceRange(state));
  if (found.count === 0 && !state.showAll) return null;
  const box = h("input", { type: "checkbox" });
  box.checked = state.showAll;
  box.addEventListener("change", () => {
    state.showAll = box.checked;
    onChange();
  });
  const text = found.count > 0 && `${found.exact ? "" : "At least "}${countText(found.count)} ${found.count === 1 ? "sample lies" : "samples lie"} outside the axis.`;
  return h("p", {}, text && `${text} `, h("label", {}, box, " Show all values"));
}
