// Above a table: search, filters of columns that are not shown, columns, how many rows, export, plots.

import { address as apiAddress, tablePath } from "./api.js";
import { countText } from "./cells.js";
import { columnMenu } from "./columns.js";
import { debounced, fill, h } from "./dom.js";
import { menu } from "./menu.js";
import { carried, described, filtersOf, filtersText, rowQuery } from "./query.js";
import { address, setParams } from "./router.js";

export class Toolbar {
  #table;
  #formats;

  constructor(table, formats) {
    this.#table = table;
    this.#formats = formats;
    this.search = h("input", { type: "search", id: "search", "aria-label": `Search ${table}`, placeholder: "Search all texts", autocomplete: "off", spellcheck: "false" });
    const apply = debounced(() => setParams({ q: this.search.value.trim() }, { replace: true }), 150);
    this.search.addEventListener("input", apply);
    this.count = h("span", { id: "row-count", class: "count", role: "status" });
    this.columns = h("div", { class: "slot" });
    this.images = h("div", { class: "slot" });
    this.links = h("div", { class: "slot" });
    this.chips = h("div", { class: "chips", hidden: true });
    this.element = h("div", { class: "toolbar", role: "group", "aria-label": `Rows of ${table}` },
      this.search, this.count, h("span", { class: "space" }), this.images, this.columns, this.links, this.chips);
  }

  /** Show what the URL says; `all` and `shown` are columns, `joined` whether `images` is there to join. */
  update({ params }, all, shown, joined) {
    if (document.activeElement !== this.search) this.search.value = params.get("q") ?? "";
    const onImages = params.get("images") === "1";
    if (joined) {
      const box = this.images.querySelector("input") ?? h("input", { type: "checkbox", id: "with-images", onchange: (event) => setParams({ images: event.target.checked ? "1" : null, columns: null }) });
      box.checked = onImages;
      if (!box.parentElement) fill(this.images, h("label", { class: "switch", title: "Show the columns of table images beside those of this table" }, box, "with images"));
    }
    this.#fillColumns(all, shown);
    fill(this.links, this.#exports(params, joined), h("a", { class: "button", id: "to-plot", href: address("plots", this.#table, carried(params)) }, "Plot"));
    this.#fillChips(params, shown);
  }

  /** Say how many of all rows are shown. */
  showCount(total, all) {
    this.count.textContent = total === all ? `${countText(all)} rows` : `${countText(total)} of ${countText(all)} rows`;
  }

  /** The menu stays open while columns are ticked in it. */
  #fillColumns(all, shown) {
    const open = this.columns.querySelector("[aria-expanded=true]");
    if (open && this.columns.contains(document.activeElement)) return;
    fill(this.columns, columnMenu(all, shown, this.#table, (columns) => setParams({ columns }, { replace: true })));
  }

  #exports(params, joined) {
    return menu("Export", "export", () => [
      h("p", { class: "muted" }, "The rows that are shown, with all columns:"),
      h("ul", {}, this.#formats.map((format) => h("li", {}, h("a", {
        href: apiAddress(tablePath(this.#table, "export"), { ...rowQuery(params, joined), format }),
        download: "",
      }, { csv: "CSV", xlsx: "Excel (XLSX)", parquet: "Parquet" }[format] ?? format)))),
    ]);
  }

  /** Filters that no head of a column shows, and one button that takes all away. */
  #fillChips(params, shown) {
    const filters = filtersOf(params);
    const hidden = filters.filter(([column]) => !shown.some(({ name }) => name === column));
    const without = (filter) => filtersText(filters.filter((each) => each !== filter));
    this.chips.hidden = !filters.length && !params.has("q");
    fill(this.chips,
      hidden.map((filter) => h("button", { type: "button", class: "chip", title: "Take this filter away", onclick: () => setParams({ where: without(filter) }) },
        described(filter), h("span", { "aria-hidden": "true" }, " ×"))),
      filters.length || params.has("q") ? h("button", { type: "button", id: "clear-filters", class: "chip", onclick: () => this.#clear() }, "Clear search and filters") : null);
  }

  #clear() {
    this.search.value = "";
    setParams({ q: null, where: null });
  }
}
