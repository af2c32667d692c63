// Two panes beside each other, or below each other where it is narrow, and a bar between them that can be moved.

import { h } from "./dom.js";
import { recall, remember } from "./memory.js";

const LEAST = 20; // Percent of the first pane.
const MOST = 75;

/** Make the panes: `{element, first, second, setOpen(open)}`; the second is there when it is open. */
export function splitPanes(firstLabel, secondLabel) {
  const first = h("section", { class: "pane pane-first", "aria-label": firstLabel });
  const second = h("section", { class: "pane pane-second", "aria-label": secondLabel, id: "detail", hidden: true });
  const bar = h("div", { class: "splitter", role: "separator", tabindex: "0", "aria-orientation": "vertical", "aria-label": "Width of the table", "aria-valuemin": LEAST, "aria-valuemax": MOST, hidden: true });
  const element = h("div", { class: "split" }, first, bar, second);
  const isRow = () => getComputedStyle(element).flexDirection === "row";
  const set = (percent, keep = true) => {
    const share = Math.min(MOST, Math.max(LEAST, Math.round(percent)));
    element.style.setProperty("--first", `${share}%`);
    bar.setAttribute("aria-valuenow", share);
    if (keep) remember("split", String(share));
  };
  const at = (event) => {
    const box = element.getBoundingClientRect();
    return isRow() ? ((event.clientX - box.left) / box.width) * 100 : ((event.clientY - box.top) / box.height) * 100;
  };
  bar.addEventListener("pointerdown", (event) => {
    bar.setPointerCapture(event.pointerId);
    event.preventDefault();
    bar.focus();
  });
  bar.addEventListener("pointermove", (event) => bar.hasPointerCapture(event.pointerId) && set(at(event)));
  bar.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: -2, ArrowUp: -2, ArrowRight: 2, ArrowDown: 2 };
    if (!(event.key in steps)) return;
    event.preventDefault();
    set(Number(bar.getAttribute("aria-valuenow")) + steps[event.key]);
  });
  set(Number(recall("split", "46")) || 46, false);
  const setOpen = (open) => {
    bar.hidden = !open;
    second.hidden = !open;
    element.classList.toggle("open", open);
  };
  return { element, first, second, setOpen };
}
