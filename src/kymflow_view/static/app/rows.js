// The rows of one image in every table.

import { getJson, tablePath, tell, untell } from "./api.js";
import { countText, decimalsOf, fullText, isNumeric, plural, shortText } from "./cells.js";
import { tableNames } from "./dataset.js";
import { debounced, fill, h } from "./dom.js";
import { address } from "./router.js";

const MOST_ROWS = 100;
const PAUSE_MS = 120; // The picture goes first, and nothing is asked while somebody steps through images.

/** Mount the rows of an image below it: `{update({imageId, changed}), destroy()}`; `changed`: the tables have. */
export function mountRows(element, { imageId }) {
  let controller = null;
  let shown = null;
  const show = async () => {
    controller = new AbortController();
    const { signal } = controller;
    try {
      const names = tableNames();
      const made = await Promise.all(names.map((name) => tableRows(name, shown, signal).catch((error) => failedRows(name, error))));
      if (signal.aborted) return;
      untell("rows");
      fill(element, made.map((parts, index) => h("section", { class: "image-rows", "aria-label": `Rows in ${names[index]}` }, parts)));
    } catch (error) {
      if (!signal.aborted) tell(error, "rows");
    }
  };
  const later = debounced(show, PAUSE_MS);
  const update = ({ imageId: id, changed = false }) => {
    if (id === shown && !changed) return;
    shown = id;
    controller?.abort();
    later();
  };
  const destroy = () => {
    later.cancel();
    controller?.abort();
    untell("rows");
  };
  update({ imageId });
  return { update, destroy };
}

/** One table that cannot be read leaves the others. */
function failedRows(name, error) {
  return [h("h3", {}, name), h("p", { class: "muted" }, error.message)];
}

async function tableRows(name, id, signal) {
  const where = JSON.stringify([["image_id", "=", id]]);
  const [table, answer] = await Promise.all([
    getJson(tablePath(name), {}, { signal }),
    getJson(tablePath(name, "rows"), { where, limit: MOST_ROWS }, { signal }),
  ]);
  const columns = answer.columns.map((column, index) => {
    const values = answer.rows.map((row) => row[index]);
    return { ...table.columns.find((each) => each.name === column), name: column, index, decimals: decimalsOf(values), empty: values.every((value) => value === null || value === "") };
  }).filter((column) => column.name !== "image_id");
  const heading = h("h3", {}, h("a", { href: address("table", name, { where }) }, name), h("span", { class: "muted" }, ` ${plural(answer.total, "row")}`));
  if (!answer.rows.length) return [heading];
  if (answer.rows.length === 1) return [heading, oneRow(columns, answer.rows[0])];
  const more = answer.total - answer.rows.length;
  return [heading, manyRows(name, columns, answer.rows), more > 0 ? h("p", { class: "muted" }, `and ${countText(more)} more in the table`) : null];
}

/** One row reads best as names and values; what is missing is left out and counted. */
function oneRow(columns, row) {
  const present = columns.filter((column) => !column.empty);
  const missing = columns.filter((column) => column.empty);
  return [
    h("dl", { class: "facts" }, present.map((column) => h("div", {},
      h("dt", { title: column.description ?? "" }, column.name),
      h("dd", { title: fullText(row[column.index], column) }, cellContent(row[column.index], column), column.unit ? h("span", { class: "unit" }, ` ${column.unit}`) : null)))),
    missing.length ? h("p", { class: "muted" }, `Missing: ${missing.map((column) => column.name).join(", ")}`) : null,
  ];
}

function manyRows(name, columns, rows) {
  const present = columns.filter((column) => !column.empty);
  return h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": `Rows in ${name}, scrollable` },
    h("table", { class: "plain" },
      h("thead", {}, h("tr", {}, present.map((column) => h("th", { scope: "col", title: column.description ?? "", class: isNumeric(column.kind) ? "number" : null },
        column.name, column.unit ? h("span", { class: "unit" }, ` [${column.unit}]`) : null)))),
      h("tbody", {}, rows.map((row) => h("tr", {}, present.map((column) => h("td", { class: isNumeric(column.kind) ? "number" : null, title: fullText(row[column.index], column) },
        cellContent(row[column.index], column))))))));
}

function cellContent(value, column) {
  const text = shortText(value, column);
  if (column.kind !== "boolean" || value === null) return text;
  return [h("span", { "aria-hidden": "true" }, text), h("span", { class: "visually-hidden" }, value ? "yes" : "no")];
}
