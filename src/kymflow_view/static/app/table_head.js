// The head of a column: its name and unit, a button that sorts, and a field that filters.

import { getJson, isAbort, tablePath } from "./api.js";
import { countText } from "./cells.js";
import { debounced, fill, h } from "./dom.js";
import { filterText, parseFilter } from "./query.js";

const HINTS = {
  integer: "e.g. > 3, 1..5",
  number: "e.g. > 0.5, 1..2",
  text: "contains",
  time: "e.g. >= 2025-07-01",
  boolean: "any",
  other: "contains",
};
let lists = 0;

export class ColumnHead {
  #input;
  #list = null;
  #applied = "";
  #table;
  #query;

  /**
   * `column` as the API gives it; `onSort(name, also)` and `onFilter(name, filters)` are called for what people do;
   * `query()` gives the API's parameters of the rows that are shown.
   */
  constructor(column, { table, onSort, onFilter, query }) {
    this.column = column;
    this.#table = table;
    this.#query = query;
    this.arrow = h("span", { class: "sort-arrow", "aria-hidden": "true" });
    this.button = h("button", { type: "button", class: "sort quiet", title: tooltip(column), onclick: (event) => onSort(column.name, event.shiftKey) },
      h("span", { class: "column-name" }, column.name),
      column.unit ? h("span", { class: "unit" }, `[${column.unit}]`) : null, this.arrow);
    this.#input = column.kind === "boolean" ? this.#booleanField(onFilter) : this.#textField(onFilter);
    this.element = h("div", { class: `head kind-${column.kind}` }, this.button, this.#input);
    // A press in the head must not move or sort the column besides.
    this.element.addEventListener("mousedown", (event) => event.stopPropagation());
  }

  /** Whether Tab leads here: to the button, and from there to the field. */
  set tabbable(is) {
    this.button.tabIndex = this.#input.tabIndex = is ? 0 : -1;
  }

  /** Show the sort: null, or whether it goes down, and its place among several. */
  showSort(down, place, header) {
    this.arrow.textContent = down === null ? "" : `${down ? "▼" : "▲"}${place > 1 ? place : ""}`;
    header?.setAttribute("aria-sort", down === null ? "none" : down ? "descending" : "ascending");
  }

  /** Show the column's filters, unless somebody types there. */
  showFilters(filters) {
    const text = filterText(filters);
    this.element.classList.toggle("filtered", filters.length > 0);
    if (document.activeElement === this.#input && this.column.kind !== "boolean") return;
    this.#input.value = this.#applied = this.column.kind === "boolean" ? booleanValue(filters) : text;
    this.#invalid(null);
  }

  #booleanField(onFilter) {
    const { name } = this.column;
    const options = [["", "any"], ["yes", "yes ✓"], ["no", "no ✗"], ["missing", "missing"], ["present", "present"]];
    const select = h("select", { "aria-label": `Filter ${name}` }, options.map(([value, text]) => h("option", { value }, text)));
    select.addEventListener("change", () => onFilter(name, parseFilter(this.column, select.value)));
    return select;
  }

  #textField(onFilter) {
    const { column } = this;
    const hint = HINTS[column.kind] ?? HINTS.other;
    const input = h("input", { type: "text", "aria-label": `Filter ${column.name}`, placeholder: hint.replace("e.g. ", ""), autocomplete: "off", spellcheck: "false", title: explain(column) });
    const apply = () => {
      later.cancel();
      if (input.value === this.#applied) return;
      this.#applied = input.value;
      try {
        const filters = parseFilter(column, input.value);
        this.#invalid(null);
        onFilter(column.name, filters);
      } catch (error) {
        this.#invalid(error.message);
      }
    };
    const later = debounced(apply, 200);
    input.addEventListener("input", later);
    input.addEventListener("change", apply);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") apply();
      if (event.key !== "Escape" || !input.value) return;
      input.value = "";
      apply();
    });
    if (column.kind === "text") input.addEventListener("focus", () => this.#offerValues(input));
    return input;
  }

  #invalid(message) {
    this.#input.classList.toggle("invalid", message !== null);
    if (message) this.#input.setAttribute("aria-invalid", "true");
    else this.#input.removeAttribute("aria-invalid");
    this.#input.title = message ?? explain(this.column);
  }

  /** Offer the values that occur, with how often, as the browser's own list. */
  async #offerValues(input) {
    if (!this.#list) {
      lists += 1;
      this.#list = h("datalist", { id: `values-${lists}` });
      this.element.append(this.#list);
      input.setAttribute("list", this.#list.id);
    }
    try {
      const parameters = { ...this.#query(this.column.name), column: this.column.name, sort: null };
      const { values } = await getJson(tablePath(this.#table, "values"), parameters);
      fill(this.#list, values.filter(([value]) => value !== null).map(([value, count]) => h("option", { value: `= ${value}` }, countText(count))));
    } catch (error) {
      if (!isAbort(error)) fill(this.#list); // Only suggestions: the field works without.
    }
  }
}

function booleanValue(filters) {
  if (!filters.length) return "";
  const [, op, value] = filters[0];
  return op === "=" ? (value ? "yes" : "no") : op;
}

function tooltip(column) {
  const unit = column.unit ? ` [${column.unit}]` : "";
  return `${column.name}${unit}${column.description ? `: ${column.description}` : ""}\nSort; with Shift also by other columns. Arrow keys: to the columns beside.`;
}

function explain(column) {
  if (column.kind === "integer" || column.kind === "number") return "> 3, <= 3, != 3, 3, 1..5, missing, present";
  if (column.kind === "time") return ">= 2025-07-01, < 2025-08-01, missing, present";
  return "Text that the value contains; = for the whole value; missing, present";
}
