// The rows of a long table that are in the document: slots, filled with whatever is scrolled to. They have the cells of
// the columns in view alone, as a browser lays out and paints anew whatever is there.

import { fullText, isNumeric, shortText } from "./cells.js";
import { h } from "./dom.js";

const SPARE = 250; // px to the left and to the right of what is seen.

export class Slots {
  #body;
  #columns;
  #edges; // px: where each column begins, and where the last one ends.
  #slots = [];
  #from = 0; // The columns whose cells are there: up to, not including, `#to`.
  #to = 0;

  /** Rows in `body`; `columns` as the API gives them, with `width` and `decimals`. */
  constructor(body, columns) {
    this.#body = body;
    this.#columns = columns;
    this.#measure();
  }

  /** How many rows there are. */
  get length() {
    return this.#slots.length;
  }

  /** The row that Tab leads to. */
  get tabbable() {
    return this.#slots.find(({ element }) => element.tabIndex === 0)?.element ?? null;
  }

  /** See that there are `count` rows. */
  grow(count) {
    const newSlot = () => ({ element: h("div", { class: "tabulator-row", role: "row", tabindex: "-1", "aria-selected": "false" }), cells: [], position: -1 });
    const made = Array.from({ length: Math.max(0, count - this.#slots.length) }, newSlot);
    this.#slots.push(...made);
    this.#fillRows(made);
    this.#body.append(...made.map(({ element }) => element));
  }

  /** See that the columns from `left` px on, `width` px of them, have cells; tells whether others had. */
  see(left, width) {
    const columnAt = (x) => Math.max(0, this.#edges.findLastIndex((edge) => edge <= x));
    const end = Math.min(columnAt(left + width) + 1, this.#columns.length);
    if (columnAt(left) >= this.#from && end <= this.#to) return false;
    this.#from = columnAt(left - SPARE);
    this.#to = Math.min(columnAt(left + width + SPARE) + 1, this.#columns.length);
    this.#fillRows(this.#slots);
    return true;
  }

  /** Somebody gave a column another width. */
  resizeColumn(index, width) {
    this.#columns[index].width = width;
    this.#measure();
    for (const { element, cells } of this.#slots) {
      element.style.paddingLeft = `${this.#edges[this.#from]}px`;
      if (cells[index]) cells[index].element.style.width = `${width}px`;
    }
  }

  /** Move the rows that are left behind to the other end, so that only those are filled anew. */
  rotate(by) {
    if (!by || Math.abs(by) >= this.#slots.length) return;
    const moved = by > 0 ? this.#slots.splice(0, by) : this.#slots.splice(by);
    this.#slots[by > 0 ? "push" : "unshift"](...moved);
    this.#body[by > 0 ? "append" : "prepend"](...moved.map(({ element }) => element));
  }

  /** Show the rows from `first` on, of `total`; `active` is marked, Tab leads to `tabbable`, `valueOf(position, name)`. */
  paint({ first, total, active, tabbable, valueOf }) {
    this.#slots.forEach((slot, index) => {
      const { element } = slot;
      const position = first + index;
      if (element.hidden !== position >= total) element.hidden = position >= total;
      if (position >= total) return;
      const chosen = position === active;
      if (slot.position !== position) element.setAttribute("aria-rowindex", position + 2);
      if (element.tabIndex !== (position === tabbable ? 0 : -1)) element.tabIndex = position === tabbable ? 0 : -1;
      if (element.classList.contains("active") !== chosen) {
        element.classList.toggle("active", chosen);
        element.setAttribute("aria-selected", chosen);
      }
      slot.position = position;
      for (let column = this.#from; column < this.#to; column += 1) this.#paintCell(slot, column, valueOf);
    });
  }

  /** Of which row an element is; -1 if of none. */
  positionOf(target) {
    return this.#slotOf(target)?.position ?? -1;
  }

  /** Of which cell an element is: `{element, position, column}`, or null. */
  cellOf(target) {
    const slot = this.#slotOf(target);
    const index = slot?.cells.findIndex((cell) => cell?.element.contains(target)) ?? -1;
    return index < 0 ? null : { element: slot.cells[index].element, position: slot.position, column: this.#columns[index] };
  }

  #slotOf(target) {
    return this.#slots.find(({ element }) => element.contains(target));
  }

  #measure() {
    this.#edges = [0];
    for (const { width } of this.#columns) this.#edges.push(this.#edges.at(-1) + width);
    this.#body.style.width = `max(100%, ${this.#edges.at(-1)}px)`;
  }

  #fillRows(slots) {
    for (const { element, cells } of slots) {
      for (let index = this.#from; index < this.#to; index += 1) cells[index] ??= newCell(this.#columns[index], index);
      element.style.paddingLeft = `${this.#edges[this.#from]}px`;
      element.replaceChildren(...cells.slice(this.#from, this.#to).map((cell) => cell.element));
    }
  }

  #paintCell(slot, index, valueOf) {
    const cell = slot.cells[index];
    const column = this.#columns[index];
    const value = valueOf(slot.position, column.name);
    if (cell.shown === value && value !== undefined) return;
    cell.shown = value;
    cell.text.data = shortText(value, column);
    if (cell.element.title) cell.element.title = "";
    if (column.kind === "boolean") cell.element.setAttribute("aria-label", fullText(value, column) || "missing");
  }
}

function newCell(column, index) {
  const text = document.createTextNode("");
  const kind = isNumeric(column.kind) ? " number" : column.kind === "boolean" ? " boolean" : "";
  const element = h("div", { class: `tabulator-cell${kind}`, role: "gridcell", "aria-colindex": index + 1 }, text);
  element.style.width = `${column.width}px`;
  return { element, text, shown: null };
}
