// A plot's picture, and the point under the mouse: its image is named, and a click opens it.

import { getJson, imagePath, isAbort, tablePath } from "./api.js";
import { hasTable } from "./dataset.js";
import { fill, h } from "./dom.js";
import { go } from "./router.js";

const REACH = 10; // px within which a point is taken for the one that is meant.
const CELL = 16; // px of the grid in which points are looked up.

export class PlotPicture {
  #points = null;
  #grid = new Map();
  #names = new Map();
  #nearest = null;
  #hrefOf;

  /** `hrefOf(imageId)` gives the address to which a click on a point goes. */
  constructor(hrefOf) {
    this.#hrefOf = hrefOf;
    this.image = h("img", { alt: "", id: "plot-picture", hidden: true });
    this.mark = h("span", { class: "plot-mark", hidden: true });
    this.tip = h("span", { class: "plot-tip", hidden: true });
    this.element = h("figure", { class: "plot-picture" }, this.image, this.mark, this.tip);
    this.element.addEventListener("pointermove", (event) => this.#point(event));
    this.element.addEventListener("pointerleave", () => this.#choose(null));
    this.element.addEventListener("click", (event) => this.#open(event));
    this.element.addEventListener("auxclick", (event) => event.button === 1 && this.#open(event));
  }

  get isShown() {
    return !this.image.hidden;
  }

  /** Tell that a newer picture is on its way. */
  busy(is) {
    this.element.setAttribute("aria-busy", is);
  }

  /** Show what the server has drawn. */
  show(plot, width, height) {
    this.image.src = plot.picture;
    this.image.alt = plot.description ?? plot.label ?? "Plot";
    this.image.style.width = `${width}px`;
    this.image.style.height = `${height}px`;
    this.image.hidden = false;
    this.#points = plot.points;
    this.#choose(null);
    this.#grid = new Map();
    const { x, y } = plot.points ?? { x: [], y: [] };
    x.forEach((left, index) => {
      const key = `${Math.floor(left / CELL)},${Math.floor(y[index] / CELL)}`;
      if (this.#grid.has(key)) this.#grid.get(key).push(index);
      else this.#grid.set(key, [index]);
    });
  }

  clear() {
    this.image.hidden = true;
    this.#points = null;
    this.#grid = new Map();
    this.#choose(null);
  }

  #point(event) {
    const box = this.image.getBoundingClientRect();
    this.#choose(this.#near(event.clientX - box.left, event.clientY - box.top));
  }

  #near(left, top) {
    let best = null;
    let least = REACH ** 2;
    const column = Math.floor(left / CELL);
    const row = Math.floor(top / CELL);
    for (let dx = -1; dx <= 1; dx += 1) {
      for (let dy = -1; dy <= 1; dy += 1) {
        for (const index of this.#grid.get(`${column + dx},${row + dy}`) ?? []) {
          const distance = (this.#points.x[index] - left) ** 2 + (this.#points.y[index] - top) ** 2;
          if (distance < least) [best, least] = [index, distance];
        }
      }
    }
    return best;
  }

  #imageOf(index) {
    return this.#points.images[this.#points.image[index]];
  }

  #choose(index) {
    if (index === this.#nearest) return;
    this.#nearest = index;
    const there = index !== null;
    this.mark.hidden = !there;
    this.tip.hidden = !there;
    this.element.classList.toggle("on-point", there);
    if (!there) return;
    const left = this.#points.x[index];
    const top = this.#points.y[index];
    for (const part of [this.mark, this.tip]) {
      part.style.left = `${left}px`;
      part.style.top = `${top}px`;
    }
    this.tip.classList.toggle("to-left", left > this.image.clientWidth / 2);
    this.#name(index);
  }

  async #name(index) {
    const id = this.#imageOf(index);
    fill(this.tip, this.#names.get(id) ?? "…");
    if (this.#names.has(id)) return;
    try {
      this.#names.set(id, await nameOf(id));
    } catch (error) {
      if (!isAbort(error)) this.#names.set(id, id);
    }
    if (this.#nearest === index) fill(this.tip, this.#names.get(id));
  }

  #open(event) {
    if (this.#nearest === null) return;
    const href = this.#hrefOf(this.#imageOf(this.#nearest));
    if (event.ctrlKey || event.metaKey || event.button === 1) open(href, "_blank", "noopener");
    else go(href);
  }
}

/** From table `images`, which is in memory: to open an image takes longer than the mouse stays. */
async function nameOf(id) {
  if (!hasTable("images")) return (await getJson(imagePath(id))).name;
  const { columns, rows } = await getJson(tablePath("images", "rows"), { where: JSON.stringify([["image_id", "=", id]]), columns: "file_name", limit: 1 });
  return rows[0]?.[columns.indexOf("file_name")] ?? id;
}
