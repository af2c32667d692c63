// Refresh and Rebuild, with progress and Cancel, where the dataset can be written.

import { ApiError, getJson, postJson, remove, tell, untell } from "./api.js";
import { countText } from "./cells.js";
import { onServer } from "./changes.js";
import { announce, fill, h } from "./dom.js";

const current = { job: null };
const watchers = new Set();

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
  const progress = progressBar();
  const draw = () => {
    if (!running()) fill(element, last(current.job), buttons(dataset));
    else if (!progress.element.isConnected) fill(element, progress.element);
    if (running()) progress.show(current.job);
  };
  onServer("job", take);
  onJob(draw);
  draw();
  getJson("/api/jobs/current").then((answer) => take(answer.job), (error) => tell(error, "job"));
}

function take(next) {
  if (!next) return;
  // The answer to its start may come after the event of its end.
  if (next.id === current.job?.id && next.state === "running" && !running()) return;
  const before = current.job?.state;
  current.job = next;
  for (const listener of [...watchers]) listener(next);
  if (before !== next.state) announce(said(next));
  if (next.state === "failed" && before === "running") tell(new ApiError(next.error, 0), "job");
}

function buttons(dataset) {
  if (!dataset.writable) return h("span", { class: "muted", title: "The dataset cannot be written from here." }, "read-only");
  return [
    h("button", { type: "button", id: "refresh", onclick: () => startJob("refresh"), title: "Bring stale and new images up to date in every table" }, "Refresh"),
    h("button", { type: "button", id: "rebuild", class: "quiet", onclick: () => startJob("rebuild"), title: "Make every table anew from all images" }, "Rebuild"),
  ];
}

/** The same elements for the whole job: a button that is replaced cannot be pressed. */
function progressBar() {
  const text = h("span", { class: "job-text" });
  const bar = h("progress", { "aria-label": "Progress" });
  const show = ({ what, table, done, total }) => {
    text.textContent = `${title(what)} ${table ?? ""}${total ? ` ${countText(done)} of ${countText(total)}` : ""}`;
    if (total) [bar.max, bar.value] = [total, done];
    else bar.removeAttribute("value");
  };
  return { element: h("span", { class: "job-progress" }, text, bar, h("button", { type: "button", id: "cancel", onclick: cancel }, "Cancel")), show };
}

async function cancel() {
  try {
    await remove("/api/jobs/current");
  } catch (error) {
    tell(error, "job");
  }
}

function last(now) {
  if (!now) return null;
  const text = said(now);
  return failures(now) || problems(now) ? h("a", { id: "job-result", class: "job-text", href: "/status" }, text) : h("span", { id: "job-result", class: "job-text muted" }, text);
}

function said(now) {
  if (now.state === "running") return `${title(now.what)} has started.`;
  if (now.state !== "done") return `${title(now.what)} ${now.state}`;
  const updated = Math.max(0, ...Object.values(now.reports).map((report) => report.updated));
  const failed = failures(now);
  return `${title(now.what)} done: ${countText(updated)} updated${failed ? `, ${countText(failed)} failed` : ""}${problems(now)}`;
}

/** What is said of tables of tables that could not be derived. */
function problems(now) {
  const found = Object.entries(now.reports ?? {}).filter(([, report]) => report.problem);
  return found.map(([name, report]) => `, ${name} is as it was: ${report.problem}`).join("");
}

function failures(now) {
  return Math.max(0, ...Object.values(now.reports ?? {}).map((report) => report.failed.length + report.more));
}

const title = (what) => (what === "rebuild" ? "Rebuild" : "Refresh");
