// A long table on Tabulator, which draws the head and has the widths of the columns; rows are there as many as fit, and
// filled with whatever part of the table is scrolled to. So a table of millions costs no more than its window.

import { FormatModule, ResizeColumnsModule, Tabulator } from "../vendor/tabulator/tabulator_esm.min.mjs";
import { decimalsOf, fullText, isNumeric } from "./cells.js";
import { RowSource } from "./row_source.js";
import { ScrollWindow } from "./scroll_window.js";
import { Slots } from "./slots.js";
import { ColumnHead } from "./table_head.js";
import { widthOf } from "./widths.js";

Tabulator.registerModule([FormatModule, ResizeColumnsModule]);

const ROW_HEIGHT = 25; // px, as in table.css.
const SPARE_ROWS = 12; // Above and below what is seen.

export class TableView {
  #heads = new Map();
  #slots = null;
  #first = 0;
  #tabulator = null;
  #holder = null;
  #body = null;
  #window = null;
  #options;
  #query = {};
  #sorts = [];
  #filters = [];
  #moved = null;
  #tabbed = ""; // The column to whose head Tab leads.

  /**
   * `options`: `table`, `label`, `onSort(name, also)`, `onFilter(name, filters)`, `onOpen(position, row)` for a
   * click or Enter, `onMove(position, row)` for the arrow keys, `onTotal(total)`, `onError(error)`.
   */
  constructor(element, options) {
    this.element = element;
    this.columns = [];
    this.active = null;
    this.marked = { row: null }; // The active row as it was last seen; another object for each that is chosen.
    this.#options = options;
    this.source = new RowSource(options.table, (isNew) => this.#rowsCame(isNew), options.onError);
    this.resizes = new ResizeObserver(() => this.#resize());
  }

  /**
   * Show `columns` (as the API gives them) of the rows of `query`, from the row at `near` on; rows have those of `also` too.
   * `moved`: what was `marked` is at the position `to` among them.
   */
  async show(columns, query, { sorts, filters, near = null, also = [], moved = null }) {
    const names = columns.map((column) => column.name);
    const same = names.join("\n") === this.columns.map((column) => column.name).join("\n");
    this.#query = query;
    this.#sorts = sorts;
    this.#filters = filters;
    this.pendingColumns = same ? null : columns;
    this.#moved = moved;
    await this.source.start(query, [...new Set([...names, ...also])], near ?? 0);
    await this.building;
  }

  /** Make the row at `position` the active one, and see that it is in view unless `reveal` is false. */
  activate(position, { center = false, reveal = true } = {}) {
    this.active = position;
    this.marked = { row: position === null ? null : this.source.row(position) };
    if (reveal && position !== null && this.#window) {
      this.#window.reveal(position, center);
      this.#scrolled();
    }
    this.#paint();
  }

  /** The position of the first row in view. */
  get top() {
    return Math.round(this.#window?.top ?? 0);
  }

  scrollToTop() {
    if (!this.#window) return;
    this.#window.top = 0;
    this.#scrolled();
  }

  focus() {
    this.#slots?.tabbable?.focus({ preventScroll: true });
  }

  destroy() {
    this.ready = false;
    this.source.stop();
    this.resizes.disconnect();
    this.#tabulator?.destroy();
    this.#tabulator = null;
  }

  #rowsCame(isNew) {
    // In one go with the rows; unless another one was chosen meanwhile.
    const before = this.active;
    if (isNew && this.#moved?.marked === this.marked) this.active = this.#moved.to;
    const shift = this.#isInView(before) && this.active !== null ? this.active - before : 0;
    if (this.active !== null) this.marked.row = this.source.row(this.active) ?? this.marked.row;
    if (!isNew) {
      this.#paint();
      return;
    }
    if (this.pendingColumns) this.#build(this.pendingColumns);
    else {
      this.#place();
      if (shift) {
        this.#window.top += shift; // Whoever looks at a row has it before them still.
        this.#scrolled();
      }
      this.#markHeads(); // Only now: a head tells how the rows below it are sorted.
    }
    this.#options.onTotal(this.source.total);
  }

  #isInView(position) {
    return position !== null && this.ready && position >= this.#window.top - 1 && position <= this.#window.top + this.#window.seen;
  }

  #build(columns) {
    this.pendingColumns = null;
    const left = this.#holder?.scrollLeft ?? 0;
    const top = this.#holder?.scrollTop ?? 0;
    this.#tabulator?.destroy();
    this.columns = columns.map((column) => {
      const sample = this.source.sample(column.name);
      return { ...column, decimals: decimalsOf(sample), width: widthOf(this.#options.table, column, sample) };
    });
    this.#heads = new Map(this.columns.map((column) => [column.name, this.#head(column)]));
    this.#tabTo(this.#heads.has(this.#tabbed) ? this.#tabbed : this.columns[0]?.name);
    this.ready = false;
    const tabulator = new Tabulator(this.element, {
      autoResize: false,
      columns: this.columns.map((column, index) => this.#definition(column, index)),
      columnDefaults: { resizable: "header" },
      height: "100%",
      layout: "fitData",
      renderVertical: "basic",
    });
    this.#tabulator = tabulator;
    this.building = new Promise((done) => {
      // By then, other columns may be wanted, or another page.
      tabulator.on("tableBuilt", () => done(this.#tabulator === tabulator && this.#built(left, top)));
    });
    tabulator.on("columnWidth", (column) => this.#widened(column));
    tabulator.on("columnResized", (column) => this.#options.onWidth?.(column.getDefinition().title, column.getWidth()));
  }

  #head(column) {
    const { table, onSort, onFilter } = this.#options;
    const query = (name) => ({ ...this.#query, where: JSON.stringify(this.#filters.filter(([column]) => column !== name)) });
    return new ColumnHead(column, { table, onSort, onFilter, query });
  }

  #definition(column, index) {
    return {
      title: column.name,
      field: `c${index}`,
      width: column.width,
      minWidth: 44,
      cssClass: isNumeric(column.kind) ? "number" : column.kind === "boolean" ? "boolean" : "",
      titleFormatter: () => this.#heads.get(column.name).element,
    };
  }

  #widened(column) {
    if (!this.ready) return; // Of columns that are made, each is given its width.
    this.#slots.resizeColumn(this.columns.findIndex(({ name }) => name === column.getDefinition().title), column.getWidth());
    this.#scrolled();
  }

  #rowsThatFit() {
    return Math.ceil((this.element.clientHeight || 600) / ROW_HEIGHT) + 2 * SPARE_ROWS;
  }

  #built(left, top) {
    this.ready = true;
    const root = this.#tabulator.element;
    this.#holder = root.querySelector(".tabulator-tableholder");
    this.#body = root.querySelector(".tabulator-table");
    this.#window = new ScrollWindow(this.#holder, ROW_HEIGHT, () => this.source.total);
    root.setAttribute("aria-label", this.#options.label);
    root.setAttribute("aria-multiselectable", "false");
    this.#holder.removeAttribute("tabindex"); // One row of the table has the focus, as grids do.
    root.setAttribute("aria-colcount", this.columns.length);
    this.#slots = new Slots(this.#body, this.columns);
    this.#slots.see(left, this.#holder.clientWidth);
    this.#slots.grow(this.#rowsThatFit());
    this.#first = 0;
    this.#tabulator.getColumns().forEach((column, index) => {
      column.getElement().setAttribute("aria-label", headLabel(this.columns[index]));
      column.getElement().setAttribute("aria-colindex", index + 1);
    });
    this.#listen(root);
    this.#markHeads();
    this.#place();
    this.#holder.scrollTo(left, top);
    this.resizes.disconnect();
    this.resizes.observe(this.element);
  }

  #listen(root) {
    if (root.dataset.heard) return; // The element outlives a Tabulator that is built anew.
    root.dataset.heard = "yes";
    root.addEventListener("keydown", (event) => this.#key(event));
    root.addEventListener("focusin", ({ target }) => this.#tabTo(this.columns.find(({ name }) => this.#heads.get(name).element.contains(target))?.name));
    root.addEventListener("click", (event) => {
      const position = this.#positionOf(event.target);
      if (position === null) return;
      this.activate(position);
      this.focus();
      this.#options.onOpen(position, this.source.row(position));
    });
    root.addEventListener("mouseover", (event) => this.#showFull(event.target));
    root.addEventListener("scroll", (event) => {
      if (event.target === this.#holder) this.#scrolled();
      // A field of the head that gets the focus scrolls into view; the rows go with it.
      else if (event.target.matches(".tabulator-header-contents")) {
        this.#holder.scrollLeft = event.target.scrollLeft;
        event.target.scrollLeft = this.#holder.scrollLeft; // The head has more room to its right.
      }
    }, { capture: true, passive: true });
    root.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  #positionOf(target) {
    const position = this.#slots?.positionOf(target) ?? -1;
    return position >= 0 && position < this.source.total ? position : null;
  }

  /** The exact value as a tooltip, made when the mouse comes there. */
  #showFull(target) {
    const cell = this.#slots?.cellOf(target);
    if (cell) cell.element.title = fullText(this.source.value(cell.position, cell.column.name), cell.column);
  }

  #wheel(event) {
    if (!this.#window.isScaled || !event.deltaY || event.ctrlKey || !this.#holder.contains(event.target)) return;
    event.preventDefault();
    this.#window.top += event.deltaY / ROW_HEIGHT;
    this.#scrolled();
  }

  #key(event) {
    if (!this.#holder.contains(event.target)) return void this.#keyInHead(event);
    const page = Math.max(1, this.#window.seen - 1);
    const from = this.active ?? this.top - 1;
    const last = this.source.total - 1;
    const steps = { ArrowDown: from + 1, ArrowUp: from - 1, PageDown: from + page, PageUp: from - page, Home: 0, End: last };
    if (event.altKey || event.metaKey || last < 0) return;
    if (event.key in steps) {
      event.preventDefault();
      this.activate(Math.min(last, Math.max(0, steps[event.key])));
      this.#options.onMove(this.active);
    } else if ((event.key === "Enter" || event.key === " ") && this.active !== null) {
      event.preventDefault();
      this.#options.onOpen(this.active, this.source.row(this.active));
    } else if (event.key === "ArrowRight" || event.key === "ArrowLeft") {
      event.preventDefault();
      this.#holder.scrollLeft += event.key === "ArrowRight" ? 60 : -60;
    }
  }

  /** As in any grid, the head is one stop of Tab, however many columns it has; from there, arrows lead to the others. */
  #tabTo(name) {
    if (name === undefined) return;
    this.#tabbed = name;
    for (const [each, head] of this.#heads) head.tabbable = each === name;
  }

  #keyInHead(event) {
    const at = this.columns.findIndex(({ name }) => this.#heads.get(name).button === event.target);
    const last = this.columns.length - 1;
    const steps = { ArrowRight: Math.min(last, at + 1), ArrowLeft: Math.max(0, at - 1), Home: 0, End: last };
    if (at < 0 || !(event.key in steps) || event.altKey || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.#heads.get(this.columns[steps[event.key]].name).button.focus();
  }

  #markHeads() {
    const columns = this.#tabulator?.getColumns() ?? [];
    this.columns.forEach(({ name }, index) => {
      const place = this.#sorts.findIndex(([column]) => column === name);
      const head = this.#heads.get(name);
      head.showSort(place < 0 ? null : this.#sorts[place][1], place + 1, columns[index]?.getElement());
      head.showFilters(this.#filters.filter(([column]) => column === name));
    });
  }

  #scrolled() {
    if (!this.ready) return;
    const { top, seen, isScaled } = this.#window;
    const isWider = this.#slots.see(this.#holder.scrollLeft, this.#holder.clientWidth);
    if (isWider || isScaled || top < this.#first + 2 || top + seen > this.#first + this.#slots.length - 3) this.#place();
  }

  /** Put the slots where the table is scrolled to, and fill them. */
  #place() {
    if (!this.ready) return;
    const rows = this.#slots.length;
    const { first, above, below } = this.#window.place(rows, SPARE_ROWS);
    const hadFocus = this.#holder.contains(document.activeElement);
    this.#slots.rotate(first - this.#first);
    this.#first = first;
    this.#body.style.paddingTop = `${above}px`;
    this.#body.style.paddingBottom = `${below}px`;
    this.#tabulator.element.setAttribute("aria-rowcount", this.source.total + 1);
    this.source.need(first - rows, first + 2 * rows);
    this.#paint();
    if (hadFocus) this.focus();
  }

  #paint() {
    if (!this.ready) return;
    const { total } = this.source;
    const inWindow = this.active !== null && this.active >= this.#first && this.active < this.#first + this.#slots.length;
    this.#slots.paint({
      first: this.#first,
      total,
      active: this.active,
      tabbable: inWindow ? this.active : Math.min(total - 1, Math.ceil(this.#window.top)),
      valueOf: (position, name) => this.source.value(position, name),
    });
    if (inWindow && this.#holder.contains(document.activeElement)) this.focus();
  }

  #resize() {
    if (!this.ready) return;
    const count = this.#rowsThatFit();
    if (count > this.#slots.length) {
      this.#slots.grow(count);
      this.#place();
    }
    this.#scrolled();
  }
}

const headLabel = ({ name, unit }) => (unit ? `${name} [${unit}]` : name);
