// The plots of a table.

import { fill, h } from "./dom.js";

/** Mount the page. */
export function mount(element) {
  fill(element, h("h1", {}, "Plots"));
  return { update() {}, destroy() {} };
}
