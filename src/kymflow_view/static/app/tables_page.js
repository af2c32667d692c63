// A table, and beside it the image of the row that is chosen.

import { fill, h } from "./dom.js";

/** Mount the page. */
export function mount(element, { table }) {
  fill(element, h("h1", {}, table));
  return { update() {}, destroy() {} };
}
