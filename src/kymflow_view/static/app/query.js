// Which rows: search, sort and filters, between the URL, the API and what people type.

/** Operators that compare, longest first as they are typed. */
const COMPARISONS = ["<=", ">=", "!=", "=", "<", ">"];

/** Of a URL's parameters, those that say which rows: they go along to the plots of a table, and back. */
export const carried = (params) => Object.fromEntries(["q", "sort", "where"].map((key) => [key, params.get(key)]));

/** Parameters of the API for the rows that a URL names. */
export function rowQuery(params, joined) {
  return { ...carried(params), images: joined ? "1" : null };
}

/** The filters of a URL: a list of `[column, op, value]`; what cannot be read is no filter. */
export function filtersOf(params) {
  try {
    const filters = JSON.parse(params.get("where") ?? "[]");
    return Array.isArray(filters) ? filters.filter((filter) => Array.isArray(filter) && filter.length >= 2) : [];
  } catch {
    return [];
  }
}

/** Filters as the URL has them, or null for none. */
export const filtersText = (filters) => (filters.length ? JSON.stringify(filters) : null);

/**
 * The columns by which rows are sorted: a list of `[name, descending]`, without those that are not among `columns`.
 * A name may have commas, or begin with a minus: whole names are looked for first, as the server does.
 */
export function sortsOf(params, columns) {
  const has = (name) => columns.some((column) => column.name === name);
  const parts = (params.get("sort") ?? "").split(",");
  const sorts = [];
  while (parts.length) {
    let length = parts.length;
    for (; length > 0; length -= 1) {
      const name = parts.slice(0, length).join(",");
      if (has(name)) sorts.push([name, false]);
      else if (name.startsWith("-") && has(name.slice(1))) sorts.push([name.slice(1), true]);
      else continue;
      break;
    }
    parts.splice(0, Math.max(1, length));
  }
  return sorts;
}

/**
 * The sort after a click on a column: up, down, then none; with `also`, after the columns that are sorted already.
 */
export function nextSort(sorts, name, also) {
  const old = sorts.find(([column]) => column === name);
  const rest = also ? sorts.filter(([column]) => column !== name) : [];
  const next = !old ? [[name, false]] : old[1] ? [] : [[name, true]];
  return sortText([...rest, ...next]);
}

/** Sorts as the URL has them, or null for none. */
export const sortText = (sorts) => sorts.map(([column, down]) => (down ? `-${column}` : column)).join(",") || null;

/**
 * Filters of one column from what was typed in its field: for texts `abc` (contains) or `= abc`; for numbers
 * `> 3`, `<= 3`, `3`, `1..5`; `missing` and `present` for all. Raises an Error that says what is expected.
 */
export function parseFilter(column, typed) {
  const text = typed.trim();
  if (!text) return [];
  if (/^(missing|present)$/i.test(text)) return [[column.name, text.toLowerCase(), null]];
  if (column.kind === "integer" || column.kind === "number") return numberFilters(column, text);
  if (column.kind === "boolean") return [[column.name, "=", /^(true|yes|1)$/i.test(text)]];
  const op = COMPARISONS.find((sign) => text.startsWith(sign));
  if (op) return [[column.name, op, text.slice(op.length).trim()]];
  return [[column.name, column.kind === "time" ? "=" : "contains", text]];
}

function numberFilters(column, text) {
  const range = text.match(/^(.+?)\s*(?:\.\.|…)\s*(.+)$/);
  if (range) return [[column.name, ">=", number(range[1])], [column.name, "<=", number(range[2])]];
  const parts = text.split(/\s*[,&]\s*|\s+(?=[<>!=])/).filter(Boolean);
  return parts.map((part) => {
    const op = COMPARISONS.find((sign) => part.startsWith(sign));
    return [column.name, op ?? "=", number(op ? part.slice(op.length) : part)];
  });
}

function number(text) {
  const typed = text.trim().replace("−", "-");
  const value = Number(typed);
  if (!typed || !Number.isFinite(value)) throw new Error("Expected a number, as in > 3, <= 3, 1..5, missing or present.");
  // JavaScript would round it; the server reads all of its digits.
  return /^[+-]?\d+$/.test(typed) && !Number.isSafeInteger(value) ? typed : value;
}

/** A filter in words. */
export const described = (filter) => `${filter[0]} ${filter[1] === "contains" ? "contains " : ""}${filterText([filter])}`;

/** Filters of one column as they are typed, the inverse of `parseFilter`. */
export function filterText(filters) {
  if (!filters.length) return "";
  const ops = filters.map(([, op]) => op).join(" ");
  if (ops === ">= <=") return `${filters[0][2]}..${filters[1][2]}`;
  return filters.map(([, op, value]) => {
    if (op === "contains") return String(value);
    if (op === "missing" || op === "present") return op;
    return `${op} ${value}`;
  }).join(" ");
}
