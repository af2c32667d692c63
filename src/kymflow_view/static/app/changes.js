// The server's events. A browser opens six connections to one server, and may have more windows of it: one of those that
// are seen listens, and tells the others. One that nobody sees leaves that to them; seen again, it is told how things stand.

import { get, isAbort } from "./api.js";

const events = new EventTarget();
const windows = new BroadcastChannel("kymflow");
const me = String(Math.random());
const last = { connection: "there" };
let listening = null;
let source = null;

/**
 * Listen to the server's events: "tables" ({name: version}), "job", "picture" ({image_id}), "problem" ({error}, null
 * when it is over), and "connection" ("there", "lost" or "refused"). Returns what ends that.
 */
export function onServer(kind, listener) {
  const heard = (event) => listener(event.detail);
  events.addEventListener(kind, heard);
  connect();
  return () => events.removeEventListener(kind, heard);
}

/**
 * Call `listener` when one of the tables that `names()` gives has changed, also by another process; returns what
 * ends that. What the server tells first is news where `known()`, the versions that are shown, are others by name.
 */
export function onTables(names, listener, known = () => ({})) {
  const key = () => last.tables && JSON.stringify(names().map((name) => last.tables[name]));
  let before = key();
  return onServer("tables", () => {
    const now = key();
    const isNews = before === undefined ? Object.entries(known()).some(([name, version]) => last.tables[name] !== version) : now !== before;
    before = now;
    if (isNews) listener();
  });
}

function connect() {
  if (listening || document.hidden) return;
  const { signal } = (listening = new AbortController());
  const turn = () => signal.aborted || new Promise((ended) => {
    signal.addEventListener("abort", ended);
    open();
  });
  navigator.locks.request("kymflow", { signal }, turn).catch((error) => isAbort(error) || console.error(error));
  windows.postMessage({ from: me });
}

function disconnect() {
  source?.close();
  source = null;
  listening?.abort();
  listening = null;
}

windows.addEventListener("message", ({ data: { from, to = me, kind, detail } }) => {
  if (from && source) for (const [kind, detail] of Object.entries(last)) windows.postMessage({ to: from, kind, detail });
  else if (kind && to === me && listening) emit(kind, detail);
});

function open() {
  const mine = (source = new EventSource("/api/changes"));
  for (const kind of ["tables", "job", "picture", "problem"]) {
    mine.addEventListener(kind, (event) => publish(kind, JSON.parse(event.data)));
  }
  mine.addEventListener("open", () => {
    publish("connection", "there");
    publish("problem", { error: null }); // One that has stayed is told of again.
  });
  mine.addEventListener("error", async () => {
    if (mine.readyState !== EventSource.CLOSED) {
      if (last.connection !== "refused") publish("connection", "lost");
      return; // The browser tries again by itself.
    }
    const refused = await isRefused();
    if (source !== mine) return; // Left meanwhile.
    publish("connection", refused ? "refused" : "lost");
    setTimeout(() => source === mine && open(), 2000);
  });
}

/** Whether another server answers than that which let the browser in. */
const isRefused = () => get("/api/jobs/current").then(() => false, (error) => error.status === 403);

function publish(kind, detail) {
  emit(kind, detail);
  windows.postMessage({ kind, detail });
}

function emit(kind, detail) {
  if (kind === "connection" && detail === last.connection) return;
  if (kind !== "picture") last[kind] = detail;
  events.dispatchEvent(new CustomEvent(kind, { detail }));
}

document.addEventListener("visibilitychange", () => (document.hidden ? disconnect() : connect()));
addEventListener("pagehide", disconnect);
