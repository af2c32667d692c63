// Requests to the server. Errors are told in words, in a visible place.

import { fill, h, prose } from "./dom.js";

/** What a request failed with; `message` is a sentence to show, `status` 0 where no answer came. */
export class ApiError extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** A path with parameters; those that are null or empty are left out. */
export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  }
  const text = query.toString();
  return text ? `${path}?${text}` : path;
}

/** The address of a table's, or an image's, part of the API. */
export const tablePath = (name, part = "") => `/api/tables/${encodeURIComponent(name)}${part && `/${part}`}`;
export const imagePath = (id, part = "") => `/api/images/${encodeURIComponent(id)}${part && `/${part}`}`;

/** Answer to GET as a Response (for bytes and headers); raises ApiError. */
export async function get(path, parameters = {}, { signal } = {}) {
  return request(address(path, parameters), { signal });
}

/** Answer to GET as JSON; raises ApiError. */
export async function getJson(path, parameters = {}, options = {}) {
  const begun = ahead.get(address(path, parameters));
  ahead.delete(address(path, parameters));
  return (await (begun ?? get(path, parameters, options))).json();
}

const ahead = new Map();

/** Ask before what asks is there: the next `getJson` of the same gets this answer. */
export function askAhead(path, parameters = {}) {
  const answer = get(path, parameters);
  answer.catch(() => {}); // Who gets it is told.
  ahead.set(address(path, parameters), answer);
}

/** Send `body` as JSON; raises ApiError. */
export async function postJson(path, body) {
  const headers = { "Content-Type": "application/json" };
  return (await request(path, { method: "POST", headers, body: JSON.stringify(body) })).json();
}

/** DELETE; raises ApiError. */
export async function remove(path) {
  await request(path, { method: "DELETE" });
}

async function request(url, options) {
  let response;
  try {
    response = await fetch(url, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The server does not answer. Is `kymflow view` still running?", 0);
  }
  if (response.ok) return response;
  throw new ApiError(await reason(response), response.status);
}

async function reason(response) {
  try {
    const { error } = await response.json();
    if (error) return String(error);
  } catch {
    // No JSON: the status has to do.
  }
  return `The server answered ${response.status} ${response.statusText}.`;
}

/** Whether an error is only that a request was given up for a newer one. */
export const isAbort = (error) => error.name === "AbortError";

/** Show an error above the page until it is closed, or until the next one of the same `topic`. */
export function tell(error, topic = "error") {
  if (isAbort(error)) return;
  untell(topic);
  const close = h("button", { type: "button", onclick: () => untell(topic) }, "Close");
  const text = error instanceof ApiError ? error.message : `The page failed: ${error.message}`;
  document.getElementById("messages").append(h("p", { dataset: { topic } }, h("span", {}, prose(text)), close));
  if (!(error instanceof ApiError)) console.error(error);
}

/** Take back what was told about `topic`. */
export function untell(topic) {
  const messages = document.getElementById("messages");
  fill(messages, [...messages.children].filter((child) => child.dataset.topic !== topic));
}
