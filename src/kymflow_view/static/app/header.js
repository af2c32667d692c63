// The header of every page: the dataset, links to its pages, jobs, and the theme.

import { tableNames } from "./dataset.js";
import { fill, h } from "./dom.js";
import { mountJobs } from "./jobs.js";
import { carried } from "./query.js";
import { address, route } from "./router.js";
import { onTheme, switchTheme, theme } from "./theme.js";

/** Mount the header; `update(route)` marks the link of the page, `refresh()` reads the tables of `dataset` anew. */
export function mountHeader(element, dataset) {
  const links = h("nav", { "aria-label": "Pages", class: "pages" });
  const jobs = h("div", { class: "jobs", role: "group", "aria-label": "Refresh and rebuild" });
  const button = h("button", { type: "button", id: "theme-switch", class: "quiet", onclick: switchTheme });
  const title = h("a", { href: "/", class: "dataset", title: dataset.path },
    h("span", { class: "brand" }, "kymflow"), h("span", { class: "dataset-name" }, dataset.name));
  const label = () => {
    const next = theme() === "dark" ? "light" : "dark";
    fill(button, h("span", { "aria-hidden": "true" }, "◐"));
    button.setAttribute("aria-label", `Switch to the ${next} theme`);
    button.title = `Switch to the ${next} theme`;
  };
  const update = (now) => {
    fill(links, pageLinks(now));
    links.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  };
  label();
  onTheme(label);
  fill(element, title, links, jobs, button);
  mountJobs(jobs, dataset);
  return { update, refresh: () => update(route()) };
}

function pageLinks(now) {
  const tables = tableNames();
  const link = (text, href, current) => h("a", { href, "aria-current": current ? "page" : null }, text);
  const plotted = now.table && tables.includes(now.table) ? now.table : tables.find((name) => name !== "images") ?? "images";
  return [
    ...tables.map((name) => link(name === "images" ? "Images" : name, rows(now, "table", name), now.page === "table" && now.table === name)),
    tables.length ? link("Plots", rows(now, "plots", plotted), now.page === "plots") : null,
    link("Status", address("status"), now.page === "status"),
  ];
}

/** Between a table and its plots, the rows that are chosen stay chosen. */
function rows(now, page, name) {
  return address(page, name, now.table === name ? carried(now.params) : {});
}
