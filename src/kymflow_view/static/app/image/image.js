// The image beside a table: the signature stands in ../router.js.

import { fill, h } from "../dom.js";

/** Mount the image. */
export function mountImage(element, { imageId }) {
  fill(element, h("h2", {}, imageId));
  return { update() {}, destroy() {} };
}
