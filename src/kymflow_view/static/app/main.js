// Starts the page: asks for the dataset, shows the header, and mounts the page that the URL names.

import { ApiError, askAhead, tablePath, tell, untell } from "./api.js";
import { onServer } from "./changes.js";
import { dataset, hasTable, loadDataset, startAgain } from "./dataset.js";
import { fill, h } from "./dom.js";
import { mountHeader } from "./header.js";
import { onRoute, route } from "./router.js";

// Each is fetched when it is first wanted.
const PAGES = { table: () => import("./tables_page.js"), plots: () => import("./plots_page.js"), status: () => import("./status_page.js") };
// Each start lets browsers in by a link of its own; its cookie is that of the port, and so of this page, too.
const AWAY = {
  lost: () => `The viewer does not answer; trying again. If it has ended, start it again: \`${startAgain(dataset.path, location.port)}\` in a terminal. This page goes on when the new link has been opened in this browser.`,
  refused: () => "The viewer was started again. Open, in this browser, the link that it has printed; this page then goes on.",
};
const main = document.getElementById("main");
let header = null;
let shown = { key: null, page: null };

async function start() {
  const first = route();
  PAGES[first.page]().catch(() => {}); // Told when it is shown.
  if (first.page === "table" && first.table === "images") askAhead(tablePath("images"));
  try {
    await loadDataset();
  } catch (error) {
    tell(error);
    return;
  }
  header = mountHeader(document.getElementById("header"), dataset);
  show(route());
  onRoute(show);
  onServer("tables", tablesChanged);
  onServer("problem", ({ error }) => {
    if (error) tell(new ApiError(error, 0), "problem");
    else untell("problem");
  });
  onServer("connection", (now) => {
    if (now === "there") untell("connection");
    else tell(new ApiError(AWAY[now](), 0), "connection");
  });
}

async function show(next) {
  const key = next.page === "status" ? "status" : `${next.page}/${next.table}`;
  header.update(next);
  if (key === shown.key) {
    shown.page?.update(next);
    return;
  }
  shown.page?.destroy();
  const mine = { key, page: null };
  shown = mine;
  fill(main);
  main.className = `page-${next.page}`;
  document.title = `${next.page === "status" ? "Status" : next.table} · ${dataset.name} · kymflow`;
  if (next.page !== "status" && !hasTable(next.table)) {
    fill(main, missing(next.table));
    return;
  }
  try {
    const { mount } = await PAGES[next.page]();
    if (shown !== mine) return;
    shown.page = mount(main, route(), dataset);
    untell("error");
  } catch (error) {
    tell(error);
  }
}

function missing(name) {
  const made = dataset.tables.length > 0;
  return h("section", { class: "notice" },
    h("h1", {}, "No such table"),
    h("p", {}, `The dataset has no table “${name}”. `,
      made ? "Its tables are in the header." : "It has no tables yet: Rebuild, or kymflow rebuild, makes them."),
    h("p", {}, h("a", { href: "/status" }, "Status")));
}

/** A table that was made or dropped changes the header; pages hear of changed rows by themselves. */
async function tablesChanged(versions) {
  const names = Object.keys(versions);
  if (names.every(hasTable) && names.length === dataset.tables.length) return;
  try {
    await loadDataset();
  } catch (error) {
    tell(error);
    return;
  }
  untell("error");
  header.refresh();
  if (!shown.page) {
    shown = { key: null, page: null };
    show(route());
  }
}

start();
