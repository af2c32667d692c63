// What is fresh, stale and failed, and why; and what to do about it.

import { getJson, tell, untell } from "./api.js";
import { onTables } from "./changes.js";
import { countText, plural } from "./cells.js";
import { tableNames } from "./dataset.js";
import { debounced, fill, h } from "./dom.js";
import { onJob, running, startJob } from "./jobs.js";
import { address } from "./router.js";

// States of images, as the columns of the overview.
const COUNTS = ["fresh", "new", "stale", "failed"];
const LOOKS = { fresh: "ok", new: "warn", stale: "warn", missing: "warn", failed: "error" };

/** Mount the page. */
export function mount(element, _now, dataset) {
  const page = new StatusPage(element, dataset);
  page.load();
  return { update() {}, destroy: () => page.destroy() };
}

class StatusPage {
  #status = null;
  #controller = null;
  #open = new Set();

  constructor(element, dataset) {
    this.dataset = dataset;
    this.body = h("div", { "aria-live": "off" }, h("p", { class: "muted" }, "Comparing the tables with the images…"));
    fill(element, h("div", { class: "status" }, h("div", { class: "plot-head" }, h("h1", {}, "Status"),
      h("p", { class: "muted" }, h("span", { class: "path" }, dataset.path), ` · kymflow ${dataset.versions?.kymflow ?? ""}, kymflow-view ${dataset.versions?.kymflow_view ?? ""}`)), this.body));
    const reload = debounced(() => this.load(), 300);
    this.ends = [
      onTables(tableNames, reload),
      onJob((job) => (job.state === "running" ? this.#enable() : reload())),
      reload.cancel,
    ];
  }

  async load() {
    this.#controller?.abort();
    const { signal } = (this.#controller = new AbortController());
    try {
      this.#status = await getJson("/api/status", {}, { signal });
      untell("status");
    } catch (error) {
      tell(error, "status");
      return;
    }
    this.#draw();
  }

  destroy() {
    this.#controller?.abort();
    for (const end of this.ends) end();
    untell("status");
  }

  #draw() {
    const { tables = [], problems = [], sources = null } = this.#status;
    fill(this.body, this.#problems(problems), this.#overview(tables), tables.map((table) => this.#reasons(table)), this.#sources(sources));
    this.#enable();
  }

  #problems(problems) {
    if (!problems.length) return null;
    return h("section", { class: "problems", "aria-labelledby": "problems-title" }, h("h2", { id: "problems-title" }, plural(problems.length, "problem")),
      h("ul", {}, problems.map((problem) => h("li", {}, wordsOf(problem)))));
  }

  #overview(tables) {
    const head = (text, number) => h("th", { scope: "col", class: number ? "number" : null }, text);
    if (!tables.length) return h("p", {}, "No table and no indexer: see kymflow indexers.");
    return h("section", { class: "wide", "aria-labelledby": "tables-title" }, h("h2", { id: "tables-title" }, "Tables"),
      h("table", { class: "plain", id: "status-tables" },
        h("thead", {}, h("tr", {}, head("Table"), head("State"), head("Rows", true), head("Images", true), COUNTS.map((state) => head(title(state), true)), head("Made by"), this.dataset.writable ? head("Bring up to date") : null)),
        h("tbody", {}, tables.map((table) => h("tr", {},
          h("th", { scope: "row" }, table.rows === null ? table.name : h("a", { href: address("table", table.name) }, table.name)),
          h("td", {}, mark(table.state)), number(table.rows), number(table.images),
          COUNTS.map((state) => number(table[state], table[state] && state !== "fresh" ? LOOKS[state] : null)),
          h("td", { class: "muted" }, table.indexer ?? "no indexer is installed"),
          this.dataset.writable ? h("td", {}, this.#buttons(table)) : null)))));
  }

  #buttons(table) {
    if (!table.indexer) return null;
    const button = (what, label) => h("button", { type: "button", class: "small job-button", "aria-label": `${label} ${table.name}`, onclick: () => startJob(what, [table.name]) }, label);
    return h("span", { class: "buttons" }, button("refresh", "Refresh"), button("rebuild", "Rebuild"));
  }

  #enable() {
    for (const button of this.body.querySelectorAll(".job-button")) button.disabled = running();
  }

  #reasons(table) {
    const reasons = table.reasons ?? [];
    if (!reasons.length) return null;
    const list = h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, ["Image", "State", "Why"].map((text) => h("th", { scope: "col" }, text)))),
      h("tbody", {}, reasons.map((reason) => h("tr", {},
        h("td", {}, imageLink(reason)), h("td", {}, mark(reason.state)), h("td", { class: "why" }, reason.why)))));
    const details = h("details", { class: "reasons" },
      h("summary", {}, h("h3", {}, `${table.name}: ${plural(reasons.length + (table.more ?? 0), "image")} not fresh`)), list,
      table.more ? h("p", { class: "muted" }, `and ${countText(table.more)} more`) : null);
    details.open = this.#open.has(table.name) || reasons.length <= 20;
    details.addEventListener("toggle", () => (details.open ? this.#open.add(table.name) : this.#open.delete(table.name)));
    return details;
  }

  #sources(sources) {
    if (!sources) return null;
    const counts = Object.entries(sources).filter(([, value]) => typeof value === "number");
    const lists = Object.entries(sources).filter(([, value]) => Array.isArray(value) && value.length);
    if (!counts.length && !lists.length) return null;
    return h("section", { "aria-labelledby": "sources-title" }, h("h2", { id: "sources-title" }, "Source files"),
      counts.length ? h("p", {}, counts.map(([name, value]) => (name === "images" ? plural(value, "image") : `${countText(value)} ${words(name)}`)).join(" · ")) : null,
      lists.map(([name, entries]) => h("details", { class: "reasons", open: entries.length <= 20 },
        h("summary", {}, h("h3", {}, `${title(words(name))}: ${plural(entries.length, "file")}`)),
        h("ul", {}, entries.map((entry) => h("li", {}, wordsOf(entry)))))));
  }
}

const mark = (state) => h("span", { class: `state ${LOOKS[state] ?? "muted"}` }, state);

function imageLink({ image_id: id, name }) {
  return id ? h("a", { href: address("table", "images", { image: id }) }, name ?? id) : name ?? "";
}

function number(value, kind) {
  return h("td", { class: kind ? `number ${kind}` : "number" }, value === null || value === undefined ? "" : countText(value));
}

/** A problem or a source as one line. */
function wordsOf(entry) {
  if (typeof entry !== "object") return entry;
  const said = `${entry.path}: `;
  return [h("span", { class: "path" }, entry.path), `: ${entry.error.startsWith(said) ? entry.error.slice(said.length) : entry.error}`];
}

const words = (name) => name.replaceAll("_", " ");
const title = (text) => text.charAt(0).toUpperCase() + text.slice(1);
