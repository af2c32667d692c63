// The plots of a table: drawn by the server as in reports and notebooks; here they are chosen, pointed at and clicked.

import { getJson, isAbort, tablePath, tell, untell } from "./api.js";
import { countText, isNumeric, numberText, plural } from "./cells.js";
import { onTables } from "./changes.js";
import { ordered } from "./columns.js";
import { hasTable } from "./dataset.js";
import { announce, choice, debounced, fill, h } from "./dom.js";
import { PlotPicture } from "./plot_picture.js";
import { carried, described, filtersOf, rowQuery } from "./query.js";
import { address, route, setParams } from "./router.js";
import { onTheme, theme } from "./theme.js";

const TITLES = { histogram: "Histogram", strip: "Strip and box", violin: "Violin", cumulative: "Cumulative", scatter: "Scatter" };
const LEAST_WIDTH = 360;
const MOST_WIDTH = 1600;
// What is worth a look first, where the URL says nothing.
const USUAL_Y = ["mean_velocity", "median_velocity", "duration_s"];
const USUAL_BY = ["condition", "treatment", "genotype"];

/** Mount the page of a table's plots. */
export function mount(element, now, dataset) {
  const page = new PlotsPage(element, now.table, dataset);
  page.update(now);
  return { update: (next) => page.update(next), destroy: () => page.destroy() };
}

class PlotsPage {
  #columns = null;
  #hasRows = false;
  #controller = null;
  #latest = null;

  constructor(element, table, dataset) {
    this.table = table;
    this.dataset = dataset;
    this.joined = table !== "images" && hasTable("images");
    this.controls = h("form", { class: "plot-controls", "aria-label": "What is plotted", onsubmit: (event) => event.preventDefault() });
    this.rows = h("p", { class: "muted plot-rows" });
    this.note = h("p", { class: "plot-note", id: "plot-note" });
    this.picture = new PlotPicture((image) => address("table", table, { ...carried(route().params), image }));
    this.groups = h("div", { class: "plot-groups" });
    fill(element, h("div", { class: "plots" },
      h("div", { class: "plot-head" }, h("h1", {}, `Plots of ${table}`), this.rows),
      this.controls, this.picture.element, this.note, this.groups));
    // An observer tells of the first size, too: a plot in it is on its way.
    this.redraw = debounced(() => this.width && this.#width() !== this.width && this.#draw(route()), 150);
    this.resizes = new ResizeObserver(() => this.redraw());
    this.resizes.observe(element);
    this.ends = [onTheme(() => this.#draw(route())), onTables(() => [table, "images"], () => this.#tableChanged())];
  }

  async update(now) {
    this.#latest = now;
    try {
      if (!this.#columns) {
        const { columns, n_rows: rows } = await getJson(tablePath(this.table), { images: this.joined ? "1" : null });
        if (this.#latest !== now) return; // By then, another plot may be wanted, or another page.
        this.#columns = ordered(columns, this.table);
        this.#hasRows = rows > 0;
      }
    } catch (error) {
      if (this.#latest === now) tell(error, "plot");
      return;
    }
    this.#showControls(now);
    this.#showRows(now);
    await this.#draw(now);
  }

  destroy() {
    this.#latest = null;
    this.#controller?.abort();
    this.redraw.cancel();
    this.resizes.disconnect();
    for (const end of this.ends) end();
    untell("plot");
  }

  /** What the URL says, and the usual for the rest. */
  #settings({ params }) {
    const numbers = this.#columns.filter(({ kind, empty }) => isNumeric(kind) && !empty);
    const has = (name) => this.#columns.some((column) => column.name === name && !column.empty);
    const own = numbers.filter((column) => column.of === this.table && column.kind === "number");
    const y = params.get("y") ?? USUAL_Y.find(has) ?? (own[0] ?? numbers[0])?.name ?? null;
    const kind = params.get("kind") ?? (this.dataset.plot_kinds.includes("strip") ? "strip" : this.dataset.plot_kinds[0]);
    const x = kind === "scatter" ? params.get("x") ?? numbers.find(({ name }) => name !== y)?.name ?? y : null;
    const by = params.has("by") ? params.get("by") : USUAL_BY.find(has) ?? "";
    return { kind, y, x, by: by === "-" ? "" : by, average: params.get("average") ?? "none" };
  }

  #showControls(now) {
    const settings = this.#settings(now);
    const set = (key, none) => (event) => setParams({ [key]: event.target.value || none || null });
    const named = ({ name, unit }) => [name, unit ? `${name} [${unit}]` : name];
    const numbers = this.#columns.filter(({ kind, empty, name }) => isNumeric(kind) && (!empty || name === settings.y || name === settings.x)).map(named);
    const groups = this.#columns.filter(({ kind, name, empty }) => name === settings.by || (!empty && kind !== "number" && kind !== "other" && name !== "image_id")).map(({ name }) => [name, name]);
    const field = (label, id, options, value, onchange) => h("label", {}, h("span", {}, label), choice({ id, onchange }, options, value));
    const focused = document.activeElement?.id;
    fill(this.controls,
      field("Kind", "plot-kind", this.dataset.plot_kinds.map((kind) => [kind, TITLES[kind] ?? kind]), settings.kind, set("kind")),
      field(settings.kind === "scatter" ? "Y" : "Values", "plot-y", numbers, settings.y, set("y")),
      settings.kind === "scatter" ? field("X", "plot-x", numbers, settings.x, set("x")) : null,
      field("Grouped by", "plot-by", [["", "nothing"], ...groups], settings.by, set("by", "-")),
      field("One value per", "plot-average", [["none", "row"], ["image", "image (mean of its rows)"], ["folder", "folder (mean of its images)"]], settings.average, set("average")));
    if (focused && this.controls.contains(document.getElementById(focused))) document.getElementById(focused).focus();
  }

  #showRows({ params }) {
    const filters = filtersOf(params).map(described);
    if (params.get("q")) filters.unshift(`“${params.get("q")}”`);
    fill(this.rows, filters.length ? `Rows with ${filters.join(", ")}. ` : "All rows. ",
      h("a", { href: address("table", this.table, carried(params)) }, "Choose rows in the table"),
      filters.length ? [" · ", h("button", { type: "button", class: "link", onclick: () => setParams({ q: null, where: null }) }, "All rows")] : null);
  }

  #width() {
    const box = this.picture.element.parentElement;
    return Math.round(Math.min(MOST_WIDTH, Math.max(LEAST_WIDTH, box.clientWidth - 32)));
  }

  async #draw(now) {
    if (!this.#columns) return;
    const settings = this.#settings(now);
    if (!settings.y || !this.#hasRows) {
      this.#controller?.abort();
      this.picture.clear();
      this.picture.busy(false);
      fill(this.groups);
      fill(this.note, this.#hasRows ? "The table has no column of numbers." : "The table has no rows.");
      return;
    }
    this.#controller?.abort();
    this.#controller = new AbortController();
    const { signal } = this.#controller;
    this.width = this.#width();
    const height = Math.round(Math.min(620, Math.max(320, innerHeight - 300)));
    const parameters = { ...rowQuery(now.params, this.joined), ...settings, sort: null, width: this.width, height, ratio: Math.min(4, devicePixelRatio || 1), theme: theme() };
    this.picture.busy(true);
    if (!this.picture.isShown) fill(this.note, "Drawing…");
    try {
      const plot = await getJson(tablePath(this.table, "plot"), parameters, { signal });
      untell("plot");
      this.picture.show(plot, this.width, height);
      this.#showGroups(plot, settings);
    } catch (error) {
      if (isAbort(error)) return;
      this.picture.clear();
      fill(this.note);
      fill(this.groups);
      tell(error, "plot");
    }
    this.picture.busy(false);
  }

  #showGroups(plot, settings) {
    const what = { none: "row", image: "image", folder: "folder" }[settings.average] ?? "value";
    const parts = [plural(plot.n, what)];
    if (plot.outside) parts.push(`${countText(plot.outside)} outside the axis`);
    if (plot.shown && plot.shown < plot.n - plot.outside) parts.push(`${countText(plot.shown)} of the points can be pointed at`);
    fill(this.note, parts.join(" · "));
    announce(parts.join(", "));
    const head = (text, isNumber = true) => h("th", { scope: "col", class: isNumber ? "number" : null }, text);
    fill(this.groups, h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Groups, scrollable" }, h("table", { class: "plain", id: "plot-groups" },
      h("caption", {}, plot.label ?? settings.y),
      h("thead", {}, h("tr", {}, head(settings.by || "group", false), head("n"), head("median"), head("mean"), head("outside the axis"))),
      h("tbody", {}, plot.groups.map((group) => h("tr", {},
        h("th", { scope: "row" }, groupName(group.name, settings.by)),
        h("td", { class: "number" }, countText(group.n)), number(group.median), number(group.mean),
        h("td", { class: "number" }, countText(group.outside ?? 0))))))));
  }

  #tableChanged() {
    this.#columns = null;
    this.update(route());
  }
}

function groupName(name, by) {
  if (name === null || name === "") return by ? "(missing)" : "all";
  return String(name);
}

function number(value) {
  const text = value === null || value === undefined ? "" : typeof value === "number" ? numberText(value) : String(value);
  return h("td", { class: "number", title: value ?? "" }, text);
}
