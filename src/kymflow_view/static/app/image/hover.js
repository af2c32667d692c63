// What is under the mouse: time, place, sample and velocities in a line, and the event in a small box.

import { fill, h } from "../dom.js";
import { eventAt, LEAST_WIDTH } from "./events.js";
import { number, time } from "./format.js";
import { laneAt } from "./strip.js";
import { valuesAt } from "./traces.js";

/** Tell what is under the mouse in `frame` (null: nothing); the cursor is shown in all `frames`. */
export function hover(name, frame, frames, state, tell) {
  const { u } = frame;
  const box = h("div", { class: "image-tip", hidden: true });
  u.over.append(box);
  const others = Object.values(frames).filter((other) => other !== frame);
  u.over.addEventListener("mousemove", (event) => {
    const { offsetX: left, offsetY: top } = inside(u.over, event);
    for (const other of others) other.u.setCursor({ left, top: 0 }, false);
    const at = u.posToVal(left, "x");
    tell(positionText(name, at, u.posToVal(top, "y"), frames, state));
    showEvent(box, u.over, eventUnder(name, at, top, u, state), left, top, state);
  });
  u.over.addEventListener("mouseleave", () => {
    for (const other of others) other.u.setCursor({ left: -10, top: -10 }, false);
    box.hidden = true;
    tell(null);
  });
}

function inside(over, event) {
  const { left, top } = over.getBoundingClientRect();
  return { offsetX: event.clientX - left, offsetY: event.clientY - top };
}

function positionText(name, at, height, frames, state) {
  const { units, view } = state;
  const parts = [`${time(at, (view.to - view.from) * units.line)} ${units.time}`];
  if (name === "kymograph") {
    parts.push(`${number(height, 3)} ${units.space}`);
    const sample = frames.kymograph.sample(Math.floor(at / units.line), Math.floor(height / units.pixel));
    if (sample) parts.push(`${sample.plane === "raw" ? "sample" : sample.plane} ${number(sample.value)}`);
  }
  const values = valuesAt(state, at);
  if (values.length) parts.push(`${values.join(", ")} ${state.info.trace_unit ?? ""}`);
  return parts.join(" · ");
}

function eventUnder(name, at, top, u, state) {
  const reach = Math.abs(u.posToVal(LEAST_WIDTH + 2, "x") - u.posToVal(0, "x"));
  if (name !== "strip") return eventAt(state.shownEvents, at, reach);
  const kind = laneAt(state.lanes, top);
  return eventAt(state.shownByKind.get(kind) ?? [], at, reach);
}

function showEvent(box, over, event, left, top, state) {
  box.hidden = event === null;
  if (event === null) return;
  fill(box, state.describeEvent(event).split(" · ").map((line) => h("div", {}, line)));
  // Beside the mouse, on the side that has room.
  const right = left > over.clientWidth / 2;
  box.style.left = right ? "auto" : `${left + 14}px`;
  box.style.right = right ? `${over.clientWidth - left + 14}px` : "auto";
  box.style.top = `${Math.max(-4, top - 10)}px`;
}

/** An event in words: kind, ROI, times, score and note. */
export function eventText(event, units) {
  const [start, stop] = [number(event.start, 6), event.stop === null ? null : number(event.stop, 6)];
  const parts = [event.kind];
  if (event.roi_id !== null && event.roi_id !== undefined) parts.push(`ROI ${event.roi_id}`);
  parts.push(stop === null ? `from ${start} ${units.time}, end not known` : `${start} to ${stop} ${units.time}`);
  if (event.score !== null && event.score !== undefined) parts.push(`score ${number(event.score)}`);
  if (event.note) parts.push(String(event.note));
  return parts.join(" · ");
}
