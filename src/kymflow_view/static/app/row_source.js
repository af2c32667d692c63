// Rows of a table, fetched page by page as they come into view. Those of a new query replace the old ones when
// they have come, so that nothing flickers in between.

import { getJson, isAbort, tablePath } from "./api.js";

const PAGE = 200;
const KEPT_PAGES = 60;

export class RowSource {
  #table;
  #onRows;
  #onError;
  #now = null;
  #next = null;

  /** `onRows(isNew)` is called when rows have come; `isNew` tells those of a new query. */
  constructor(table, onRows, onError) {
    this.#table = table;
    this.#onRows = onRows;
    this.#onError = onError;
  }

  /** How many rows the query has. */
  get total() {
    return this.#now?.total ?? 0;
  }

  /** Ask for the rows of `query` with `columns` (names); first those around position `near`. */
  async start(query, columns, near = 0) {
    this.#next?.controller.abort();
    const next = { query, columns, pages: new Map(), pending: new Set(), total: 0, index: null, needed: null, controller: new AbortController() };
    this.#next = next;
    const first = Math.floor(near / PAGE);
    const came = await this.#load(next, first);
    if (this.#next !== next || !came) return;
    if (first && next.total <= first * PAGE) await this.#load(next, Math.max(0, Math.ceil(next.total / PAGE) - 1));
    if (this.#next !== next) return;
    this.#now?.controller.abort();
    this.#now = next;
    this.#next = null;
    this.#onRows(true);
  }

  /** See that the rows from `first` up to `last` come. */
  need(first, last) {
    const now = this.#now;
    if (!now?.total) return;
    const begin = Math.floor(Math.max(0, first) / PAGE);
    const end = Math.floor(Math.min(last, now.total - 1) / PAGE);
    now.needed = { begin, end };
    for (let page = begin; page <= end; page += 1) {
      const rows = now.pages.get(page);
      if (rows) {
        // The oldest are dropped first: what is in view counts as new.
        now.pages.delete(page);
        now.pages.set(page, rows);
      } else if (!now.pending.has(page)) {
        this.#load(now, page).then((came) => came && this.#now === now && this.#onRows(false));
      }
    }
  }

  /** Whether the row at a position has come. */
  has(position) {
    return this.#now?.pages.has(Math.floor(position / PAGE)) ?? false;
  }

  /** A value, or undefined while its row is on the way. */
  value(position, column) {
    const page = this.#now?.pages.get(Math.floor(position / PAGE));
    return page?.[position % PAGE]?.[this.#now.index.get(column)];
  }

  /** The row at a position as `{column: value}`, or null. */
  row(position) {
    if (!this.has(position)) return null;
    return Object.fromEntries([...this.#now.index.keys()].map((name) => [name, this.value(position, name)]));
  }

  /** The first values of a column that are here, to find its width and its digits. */
  sample(column) {
    const [page] = this.#now?.pages.values() ?? [];
    const index = this.#now?.index.get(column);
    return page && index !== undefined ? page.map((row) => row[index]) : [];
  }

  /** Give up all requests. */
  stop() {
    this.#now?.controller.abort();
    this.#next?.controller.abort();
    this.#next = null;
  }

  async #load(batch, page) {
    batch.pending.add(page);
    const parameters = { ...batch.query, columns: batch.columns.join(","), offset: page * PAGE, limit: PAGE };
    try {
      const answer = await getJson(tablePath(this.#table, "rows"), parameters, { signal: batch.controller.signal });
      batch.index = new Map(answer.columns.map((name, index) => [name, index]));
      batch.pages.set(page, answer.rows);
      if (batch.pages.size > KEPT_PAGES) batch.pages.delete(oldest(batch));
      batch.total = answer.total;
      return true;
    } catch (error) {
      if (!isAbort(error)) this.#onError(error);
      return false;
    } finally {
      batch.pending.delete(page);
    }
  }
}

/** The page that was needed longest ago; of those that come late, none takes the place of one in view. */
function oldest({ pages, needed }) {
  const inView = (page) => needed !== null && page >= needed.begin && page <= needed.end;
  return [...pages.keys()].find((page) => !inView(page));
}
