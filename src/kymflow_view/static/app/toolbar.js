// Above a table: search, filters of columns that are not shown, columns, how many rows, export, plots.

import { address as apiAddress, tablePath } from "./api.js";
import { countText, plural } from "./cells.js";
import { columnChoice } from "./columns.js";
import { debounced, fill, h } from "./dom.js";
import { menu } from "./menu.js";
import { carried, described, filtersOf, filtersText, rowQuery } from "./query.js";
import { address, setParams } from "./router.js";

// Elements stay the same through updates: a button that is replaced while it is pressed does nothing.
export class Toolbar {
  #table;
  #params = new URLSearchParams();
  #columns = { all: [], shown: [] };

  /** `onRows` is called to go on to the rows. */
  constructor(table, formats, joined, onRows) {
    this.#table = table;
    this.search = h("input", { type: "search", id: "search", "aria-label": `Search ${table}`, placeholder: "Search all texts", autocomplete: "off", spellcheck: "false" });
    const later = debounced(() => setParams({ q: this.search.value.trim() }, { replace: true }), 150);
    this.search.addEventListener("input", later);
    // What was typed is not for the page that comes next.
    this.destroy = later.cancel;
    this.search.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      onRows();
    });
    this.count = h("span", { id: "row-count", class: "count", role: "status" });
    this.images = h("input", { type: "checkbox", id: "with-images", onchange: (event) => setParams({ images: event.target.checked ? "1" : null, columns: null }) });
    this.plot = h("a", { class: "button", id: "to-plot" }, "Plot");
    this.chips = h("span", { class: "chips" });
    this.clear = h("button", { type: "button", id: "clear-filters", class: "chip", onclick: () => this.#clear() }, "Clear search and filters");
    this.filters = h("div", { class: "filters", hidden: true }, this.chips, this.clear);
    const columns = menu("Columns", "columns", (refresh) => columnChoice(this.#columns, table, (names) => {
      setParams({ columns: names }, { replace: true });
      if (names === null) refresh();
    }));
    const exports = menu("Export", "export", () => exportLinks(table, formats, rowQuery(this.#params, joined)));
    this.element = h("div", { class: "toolbar", role: "group", "aria-label": `Rows of ${table}` }, this.search, this.count, h("span", { class: "space" }),
      joined ? h("label", { class: "switch", title: "Show the columns of table images beside those of this table" }, this.images, "with images") : null,
      columns, exports, this.plot, h("button", { type: "button", class: "skip-link", onclick: onRows }, "Skip to the rows"), this.filters);
  }

  /** Show what the URL says; `all` and `shown` are columns. */
  update({ params }, all, shown) {
    this.#params = params;
    this.#columns = { all, shown };
    if (document.activeElement !== this.search) this.search.value = params.get("q") ?? "";
    this.images.checked = params.get("images") === "1";
    this.plot.href = address("plots", this.#table, carried(params));
    const filters = filtersOf(params);
    this.filters.hidden = !filters.length && !params.has("q");
    // Filters that no head of a column shows.
    const hidden = filters.filter(([column]) => !shown.some(({ name }) => name === column));
    fill(this.chips, hidden.map((filter) => h("button", { type: "button", class: "chip", title: "Take this filter away", onclick: () => setParams({ where: filtersText(filters.filter((each) => each !== filter)) }) },
      described(filter), h("span", { "aria-hidden": "true" }, " ×"))));
  }

  /** Say how many of all rows are shown. */
  showCount(total, all) {
    this.count.textContent = total === all ? plural(all, "row") : `${countText(total)} of ${plural(all, "row")}`;
  }

  #clear() {
    this.search.value = "";
    setParams({ q: null, where: null });
  }
}

function exportLinks(table, formats, query) {
  const names = { csv: "CSV", xlsx: "Excel (XLSX)", parquet: "Parquet" };
  return [
    h("p", { class: "muted" }, "The rows that are shown, with all columns:"),
    h("ul", {}, formats.map((format) => h("li", {}, h("a", { href: apiAddress(tablePath(table, "export"), { ...query, format }), download: "" }, names[format] ?? format)))),
  ];
}
