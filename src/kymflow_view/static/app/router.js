// The state of the page stands in its URL: every view can be bookmarked and mailed, and the back button works.
//
//   /  /images  /tables/<name>  /plots/<name>  /status      which page
//   ?q= sort= where=                                        which rows, as the API understands them
//   ?images=1 columns=                                      which columns of the table are shown
//   ?image= from= to=                                       the image beside the table, and its lines
//   ?kind= y= x= by= average=                               the plot
//
// A page is a module with `mount(element, route, dataset) -> {update(route), destroy()}`; `update` is called when only
// the query changed. tables_page.js mounts the image with `mountImage(element, options)` of image/image.js, where
// `options` are
//
//   imageId, from, to      the image and its lines, half-open; null for all
//   row                    null, or {table, values: {column: value}} of the row that was clicked, e.g. an event: zoom
//                          there if from and to are null, and mark it
//   onNavigate({from, to}) somebody zoomed: for the URL
//   onStep(-1 | 1)         to the previous or next image; the page has the keys for it, [ ] and k j
//
// and gets `{update({imageId, from, to, row}), destroy()}`. The image draws its own heading; below it the page shows
// the image's rows.

import { address as withParameters } from "./api.js";

const listeners = new Set();

/** Where the page is: `{page: "table" | "plots" | "status", table, params}`. */
export function route() {
  const [first, second] = location.pathname.split("/").filter(Boolean).map(decoded);
  const params = new URLSearchParams(location.search);
  if (first === "status") return { page: "status", table: null, params };
  if (first === "plots") return { page: "plots", table: second ?? null, params };
  if (first === "tables") return { page: "table", table: second ?? "images", params };
  return { page: "table", table: "images", params };
}

/** The address of a page. */
export const address = (page, table = null, params = {}) => withParameters(pathOf(page, table), params);

/** Go to an address of this page. */
export function go(href, { replace = false } = {}) {
  if (href === location.pathname + location.search) return;
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  tellListeners();
}

/**
 * Change parameters of the query and stay on the page; null takes one away. `replace` makes no step for the back
 * button, for what changes while somebody types or drags.
 */
export function setParams(changes, { replace = false } = {}) {
  const { page, table, params } = route();
  go(address(page, table, { ...Object.fromEntries(params), ...changes }), { replace });
}

/** Call `listener(route)` whenever the address has changed; returns what ends that. */
export function onRoute(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** A whole number of the query, or null. */
export function integer(params, key) {
  const text = params.get(key);
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

function pathOf(page, table) {
  if (page === "status") return "/status";
  const name = encodeURIComponent(table ?? "images");
  if (page === "plots") return `/plots/${name}`;
  return name === "images" ? "/images" : `/tables/${name}`;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function tellListeners() {
  const now = route();
  for (const listener of [...listeners]) listener(now);
}

addEventListener("popstate", tellListeners);

// Links within the viewer do not load the page anew; with a modifier key they open a tab as usual.
document.addEventListener("click", (event) => {
  if (event.defaultPrevented || event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const link = event.target.closest?.("a[href]");
  if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
  if (link.pathname.startsWith("/api/") || link.getAttribute("href").startsWith("#")) return;
  event.preventDefault();
  go(link.pathname + link.search);
});
