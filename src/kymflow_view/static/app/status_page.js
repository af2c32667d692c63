// What is fresh, stale and failed.

import { fill, h } from "./dom.js";

/** Mount the page. */
export function mount(element) {
  fill(element, h("h1", {}, "Status"));
  return { update() {}, destroy() {} };
}
