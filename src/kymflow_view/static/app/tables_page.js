// A table, and beside it the image of the row that is chosen.

import { getJson, tablePath, tell, untell } from "./api.js";
import { onServer, onTables } from "./changes.js";
import { ordered, shownColumns } from "./columns.js";
import { hasTable, tableNames } from "./dataset.js";
import { announce, debounced, fill, h, isTyping } from "./dom.js";
import { filtersOf, filtersText, nextSort, rowQuery, sortsOf, sortText } from "./query.js";
import { integer, route, setParams } from "./router.js";
import { mountRows } from "./rows.js";
import { splitPanes } from "./split.js";
import { TableView } from "./table_view.js";
import { Toolbar } from "./toolbar.js";
import { keepWidth } from "./widths.js";

const SEARCHED_FOR_IMAGE = 20_000; // Rows that are looked through for the next image.
// What tells the rows of an image apart, whether or not it is shown; what tells most comes first.
const OF_ROW = ["event_id", "roi_id", "channel", "kind", "t0_s", "t1_s"];

// Fetched when the table is there, so that neither waits for the other.
const loadImage = () => import("./image/image.js");

/** Mount the page of a table. */
export function mount(element, now, dataset) {
  const page = new TablePage(element, now.table, dataset);
  page.update(now);
  return { update: (next) => page.update(next), destroy: () => page.destroy() };
}

class TablePage {
  #meta = null;
  #asked = null;
  #latest = null;
  #showing = null;
  #selected = null;
  #isGone = false;
  #image = null;
  #rows = null;
  #row = null;
  #wanted = null;
  #queryKey = null;
  #shownRows = null;

  constructor(element, table, dataset) {
    this.table = table;
    this.joined = table !== "images" && hasTable("images");
    this.toolbar = new Toolbar(table, dataset.formats, this.joined, () => this.view.focus());
    this.split = splitPanes(`Table ${table}`, "Image");
    this.viewElement = h("div", { class: "table-view" });
    this.empty = h("p", { class: "empty-table muted", hidden: true });
    fill(this.split.first, h("h1", { class: "visually-hidden" }, table === "images" ? "Images" : `Table ${table}`),
      this.toolbar.element, h("div", { class: "table-box" }, this.viewElement, this.empty));
    this.imageElement = h("div", {});
    this.rowsElement = h("div", { class: "rows-of-image" });
    fill(this.split.second,
      h("button", { type: "button", class: "quiet", id: "close-image", "aria-label": "Close the image", title: "Close the image (Escape)", onclick: () => this.#close() }, "×"),
      h("div", { class: "image-pane" }, this.imageElement, this.rowsElement));
    fill(element, this.split.element);
    this.view = new TableView(this.viewElement, {
      table,
      label: table,
      onSort: (name, also) => setParams({ sort: nextSort(sortsOf(route().params, this.#meta.columns), name, also) }, { replace: true }),
      onFilter: (name, filters) => this.#filter(name, filters),
      onOpen: (position, row) => row && this.#open(position, row, false),
      onMove: debounced((position) => this.#moved(position), 120),
      onTotal: (total) => this.#counted(total),
      onWidth: (name, width) => keepWidth(table, name, width),
      onError: (error) => this.#failed(error),
    });
    this.ends = [onTables(tableNames, () => this.#tablesChanged(), () => this.#versions()), onServer("connection", (now) => now === "there" && this.#tablesChanged())];
    this.keys = (event) => this.#key(event);
    document.addEventListener("keydown", this.keys);
  }

  async update(now) {
    this.#latest = now;
    this.#showImage(now).catch((error) => tell(error, "image"));
    try {
      const meta = await this.#columns();
      // By then, other rows may be wanted, or another page.
      if (this.#latest !== now) return;
      if (this.#dropUnknownSort(now.params, meta.columns)) return;
      const shown = shownColumns(meta.columns, this.table, now.params);
      this.toolbar.update(now, meta.columns, shown);
      await this.#showRows(now, shown);
      if (this.#latest === now) await this.#follow(now.params.get("image"));
      loadImage().catch((error) => tell(error, "image"));
    } catch (error) {
      this.#failed(error);
    }
  }

  destroy() {
    this.#isGone = true;
    this.#latest = null;
    document.removeEventListener("keydown", this.keys);
    for (const end of this.ends) end();
    this.#closeImage();
    this.toolbar.destroy();
    this.view.destroy();
    untell("table");
    untell("image");
  }

  /** What did not come is asked for anew when the server is there again. */
  #failed(error) {
    if (this.#isGone) return;
    tell(error, "table");
    this.#shownRows &&= "";
  }

  /** The table's columns; those of before until newer ones have come. */
  async #columns() {
    const asked = (this.#asked ??= getJson(tablePath(this.table), { images: this.joined ? "1" : null }));
    try {
      const meta = await asked;
      if (asked === this.#asked && asked !== this.#meta?.asked) {
        this.#meta = { ...meta, asked, columns: ordered(meta.columns, this.table).map((column) => ({ ...column, empty: column.empty && meta.n_rows > 0 })) };
      }
    } catch (error) {
      if (asked === this.#asked) this.#asked = null;
      throw error;
    }
    return this.#meta;
  }

  /** The versions of the tables whose rows are shown, by name. */
  #versions() {
    if (!this.#meta) return {};
    const { version, images_version: ofImages } = this.#meta;
    return { [this.table]: version, ...(ofImages === undefined ? {} : { images: ofImages }) };
  }

  /** A link to a table of another version may sort by a column that is no longer there. */
  #dropUnknownSort(params, columns) {
    const sort = sortText(sortsOf(params, columns));
    if (sort === params.get("sort")) return false;
    setParams({ sort }, { replace: true });
    return true;
  }

  /** Ask for rows only if what is shown of the table has changed, not for a zoom in the image. */
  #showRows({ params }, shown) {
    const query = rowQuery(params, this.joined);
    const key = JSON.stringify([query, shown.map(({ name }) => name), this.#meta.version]);
    if (key === this.#shownRows) return this.#showing;
    this.#showing = this.#bring(params, shown, query, key);
    return this.#showing;
  }

  async #bring(params, shown, query, key) {
    const isFirst = this.#shownRows === null;
    const isSame = !isFirst && this.#queryKey === JSON.stringify(query);
    this.#shownRows = key;
    this.#queryKey = JSON.stringify(query);
    untell("table");
    const near = isFirst ? await this.#positionOf(params.get("image"), query) : null;
    const moved = isSame ? await this.#whereMarkedRowIs(query) : null;
    if (this.#shownRows !== key || this.#isGone) return;
    if (!isSame && !isFirst) this.view.activate(null);
    const also = this.#meta.columns.map(({ name }) => name).filter((name) => OF_ROW.includes(name));
    await this.view.show(shown, query, { sorts: sortsOf(params, this.#meta.columns), filters: filtersOf(params), near: near ?? (isSame ? this.view.top : 0), also, moved });
    if (near !== null) this.view.activate(near, { center: true });
    else if (!isSame) this.view.scrollToTop();
  }

  /** Where the marked row is among the rows that come, or null; by what it is, as there may be others above it. */
  async #whereMarkedRowIs(query) {
    const { marked, active } = this.view;
    const { row } = marked;
    if (!row?.image_id) return null;
    const known = OF_ROW.filter((name) => this.#meta.columns.some((column) => column.name === name) && row[name] !== undefined);
    const same = known.map((name) => (row[name] === null ? [name, "missing"] : [name, "=", row[name]]));
    return { marked, to: await this.#positionOf(row.image_id, query, { row: JSON.stringify(same), near: active }) };
  }

  /** Mark a row of the image that the URL names: the back button leaves another one marked. */
  async #follow(imageId) {
    const before = this.#selected;
    const { active, source } = this.view;
    this.#selected = imageId;
    if (!imageId || imageId === before || active === null || source.row(active)?.image_id === imageId) return;
    const position = await this.#positionOf(imageId, this.#query());
    if (this.#selected === imageId && this.view.active === active && !this.#isGone) {
      this.view.activate(position, { center: true });
    }
  }

  async #positionOf(imageId, query, which = {}) {
    if (!imageId) return null;
    const { position } = await getJson(tablePath(this.table, "position"), { ...query, ...which, image_id: imageId });
    return position;
  }

  #counted(total) {
    this.toolbar.showCount(total, this.#meta.n_rows);
    this.empty.hidden = total > 0;
    this.empty.textContent = this.#meta.n_rows ? "No row fits the search and the filters." : "The table has no rows.";
    announce(this.toolbar.count.textContent);
  }

  #filter(name, filters) {
    if (this.#isGone) return;
    const others = filtersOf(route().params).filter(([column]) => column !== name);
    setParams({ where: filtersText([...others, ...filters]) }, { replace: true });
  }

  /** Show the image of a row; the same image again (another event of it) is zoomed anew. */
  #open(position, row, replace) {
    if (this.#isGone) return;
    this.#row = { table: this.table, values: row, position };
    this.#selected = row.image_id;
    const { params } = route();
    const same = params.get("image") === row.image_id && !params.has("from");
    setParams({ image: row.image_id, from: null, to: null }, { replace });
    if (same) this.#showImage(route()).catch((error) => tell(error, "image"));
  }

  /** With the image beside the table, the arrow keys go through images. */
  #moved(position) {
    const row = this.view.source.row(position);
    if (this.#image && row && position === this.view.active) this.#open(position, row, true);
  }

  /** To the previous or next image of the view, past other rows of this one. */
  async #step(direction) {
    try {
      const here = this.view.active ?? await this.#positionOf(route().params.get("image"), this.#query());
      const next = here === null ? 0 : await this.#nextImage(here, direction);
      if (next === null || next >= this.view.source.total) {
        announce(direction > 0 ? "This is the last image." : "This is the first image.");
        return;
      }
      this.view.activate(next);
      const row = this.view.source.row(next) ?? await this.#fetchRow(next);
      if (row) this.#open(next, row, true);
    } catch (error) {
      if (!this.#isGone) tell(error, "table");
    }
  }

  #query() {
    return rowQuery(route().params, this.joined);
  }

  async #nextImage(here, direction) {
    const current = route().params.get("image");
    const query = this.#query();
    const size = 500;
    for (let seen = 0; seen < SEARCHED_FOR_IMAGE; seen += size) {
      const from = direction > 0 ? here + 1 + seen : Math.max(0, here - seen - size);
      const limit = direction > 0 ? size : Math.min(size, here - seen);
      if (limit <= 0) return null;
      const { rows, columns } = await getJson(tablePath(this.table, "rows"), { ...query, columns: "image_id", offset: from, limit });
      const ids = rows.map((row) => row[columns.indexOf("image_id")]);
      const at = direction > 0 ? ids.findIndex((id) => id !== current) : ids.findLastIndex((id) => id !== current);
      if (at >= 0) return from + at;
      if (rows.length < limit) return null;
    }
    return null;
  }

  async #fetchRow(position) {
    const query = this.#query();
    const { rows, columns } = await getJson(tablePath(this.table, "rows"), { ...query, offset: position, limit: 1 });
    return rows.length ? Object.fromEntries(columns.map((name, index) => [name, rows[0][index]])) : null;
  }

  async #showImage({ params }) {
    const imageId = params.get("image");
    this.split.setOpen(Boolean(imageId));
    if (!imageId) {
      this.#closeImage();
      return;
    }
    const row = this.#row?.values.image_id === imageId ? this.#row : null;
    const state = { imageId, from: integer(params, "from"), to: integer(params, "to"), row };
    this.#wanted = state;
    if (!this.#image) {
      const { mountImage } = await loadImage();
      if (this.#wanted !== state || this.#image) return;
      this.#image = mountImage(this.imageElement, {
        ...state,
        onNavigate: ({ from, to }) => setParams({ from, to }, { replace: true }),
        onStep: (direction) => this.#step(direction),
      });
      this.#rows = mountRows(this.rowsElement, { imageId });
      return;
    }
    this.#image.update(state);
    this.#rows.update({ imageId });
  }

  #closeImage() {
    this.#image?.destroy();
    this.#rows?.destroy();
    this.#image = this.#rows = this.#wanted = null;
    fill(this.imageElement);
    fill(this.rowsElement);
  }

  #close() {
    this.#row = null;
    setParams({ image: null, from: null, to: null });
    this.view.focus();
  }

  #key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
    if (event.key === "/") {
      event.preventDefault();
      this.toolbar.search.focus();
    }
    if (!this.#image) return;
    const steps = { j: 1, "]": 1, k: -1, "[": -1 };
    if (event.key in steps) this.#step(steps[event.key]);
    else if (event.key === "Escape") this.#close();
  }

  /** Another process, or a job, has changed tables: read this one anew, keep the place, and the mark with its row. */
  #tablesChanged() {
    this.#asked = null;
    this.#shownRows &&= "";
    this.#rows?.update({ imageId: route().params.get("image"), changed: true });
    this.update(route());
  }
}
