// Refresh and Rebuild, with progress and Cancel, where the dataset can be written.

import { getJson, onServer, postJson, remove, tell, untell } from "./api.js";
import { announce, fill, h } from "./dom.js";

const current = { job: null };
const watchers = new Set();

/** The job that runs or ran last, or null. */
export const job = () => current.job;

/** Whether a job runs now. */
export const running = () => current.job?.state === "running";

/** Call `listener(job)` whenever the job changes; returns what ends that. */
export function onJob(listener) {
  watchers.add(listener);
  return () => watchers.delete(listener);
}

/** Start "refresh" or "rebuild" of some tables, or of all (null). */
export async function startJob(what, tables = null) {
  untell("job");
  try {
    take((await postJson("/api/jobs", { what, tables })).job);
  } catch (error) {
    tell(error, "job");
  }
}

/** Mount the buttons of the header. */
export function mountJobs(element, dataset) {
  const draw = () => fill(element, running() ? progress(current.job) : [last(current.job), buttons(dataset)]);
  onServer("job", take);
  onJob(draw);
  draw();
  getJson("/api/jobs/current").then((answer) => take(answer?.job === undefined ? answer : answer.job), (error) => {
    if (error.status !== 404) tell(error, "job");
  });
}

function take(next) {
  if (!next || typeof next !== "object") return;
  const before = current.job?.state;
  current.job = next;
  for (const listener of [...watchers]) listener(next);
  if (before !== next.state) announce(said(next));
  if (next.state === "failed" && before === "running") tell(Object.assign(new Error(next.error)), "job");
}

function buttons(dataset) {
  if (!dataset.writable) return h("span", { class: "muted", title: "The dataset cannot be written from here." }, "read-only");
  return [
    h("button", { type: "button", id: "refresh", onclick: () => startJob("refresh"), title: "Bring stale and new images up to date in every table" }, "Refresh"),
    h("button", { type: "button", id: "rebuild", class: "quiet", onclick: () => startJob("rebuild"), title: "Make every table anew from all images" }, "Rebuild"),
  ];
}

function progress(now) {
  const text = `${title(now.what)} ${now.table ?? ""}`;
  const bar = h("progress", { "aria-label": text });
  if (now.total) {
    bar.max = now.total;
    bar.value = now.done;
  }
  return [
    h("span", { class: "job-text" }, text, now.total ? ` ${count(now.done)} of ${count(now.total)}` : ""),
    bar,
    h("button", { type: "button", id: "cancel", onclick: cancel }, "Cancel"),
  ];
}

async function cancel() {
  try {
    await remove("/api/jobs/current");
  } catch (error) {
    tell(error, "job");
  }
}

function last(now) {
  return now ? h("span", { class: "job-text muted", id: "job-result" }, said(now)) : null;
}

function said(now) {
  if (now.state === "running") return `${title(now.what)} has started.`;
  return `${title(now.what)} ${{ done: "done", cancelled: "cancelled", failed: "failed" }[now.state] ?? now.state}`;
}

const title = (what) => (what === "rebuild" ? "Rebuild" : "Refresh");
const count = (number) => number.toLocaleString("en");
