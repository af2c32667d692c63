// What the server tells of the dataset; one object for all pages, brought up to date in place.

import { getJson } from "./api.js";

/** `{path, name, writable, versions, tables: [{name, n_rows, made_by}], formats, plot_kinds}`. */
export const dataset = { tables: [] };

/** Ask the server anew. */
export async function loadDataset() {
  return Object.assign(dataset, await getJson("/api/dataset"));
}

/** The command that shows a dataset at the same port again, where its pages can go on. */
export function startAgain(path, port) {
  const word = /^[\w./:@%+,~-]+$/.test(path) ? path : `"${path}"`;
  return `kymflow view ${word}${port === "8765" ? "" : ` --port ${port}`}`;
}

/** Whether the dataset has a table of that name. */
export const hasTable = (name) => dataset.tables.some((table) => table.name === name);

/** Names of the tables, `images` first. */
export function tableNames() {
  const names = dataset.tables.map((table) => table.name);
  return [...names.filter((name) => name === "images"), ...names.filter((name) => name !== "images")];
}
