// The frames of an image below one another: they are zoomed, moved and redrawn together.

import { announce, fill, h } from "../dom.js";
import { onTheme } from "../theme.js";
import { plural } from "../cells.js";
import { number } from "./format.js";
import { attachGestures } from "./gestures.js";
import { hover } from "./hover.js";
import { heightOf, makeKymograph, xRange } from "./kymograph.js";
import { makeStrip, stripHeight } from "./strip.js";
import { makeTraces, TRACE_HEIGHT, traceRange } from "./traces.js";
import { fit, isSame, isWhole, pan, whole, zoom } from "./view.js";

const HINT =
  "Wheel or drag zooms, Shift and drag moves, double click shows the whole. Keys: arrows, +, \u2212, Home, E for the next event.";

/**
 * Draw an image into `element`. `state` is shared with the page; `onView(view)` is called when somebody zooms or
 * moves. Pictures and traces are set when they have come.
 */
export function makeFigure(element, state, onView) {
  const { info } = state;
  const host = h("div", { class: "image-figure", tabindex: "0", role: "group", "aria-label": `Kymograph of ${info.name}. ${HINT}` });
  const readout = h("p", { class: "image-readout" }, HINT);
  fill(element, host, readout);
  const followers = new Set();
  let frames = {};
  let width = 0;
  let pending = 0;

  const list = () => Object.values(frames);
  const redraw = () => list().forEach((frame) => frame.redraw());
  const select = (min, max) => setView({ from: Math.floor(min / state.units.line), to: Math.ceil(max / state.units.line) });

  function build() {
    list().forEach((frame) => frame.destroy());
    frames = {};
    width = Math.max(240, host.clientWidth);
    const most = Math.max(140, Math.min(320, innerHeight * 0.38));
    state.lowest = info.traces.length === 0;
    if (state.lanes.length) frames.strip = makeStrip(host, { width, height: stripHeight(state.lanes) }, state, select);
    const height = heightOf(info.pixels, most) + (state.lowest ? 18 : 0);
    frames.kymograph = makeKymograph(host, { width, height }, state, select);
    if (!state.lowest) frames.traces = makeTraces(host, { width, height: TRACE_HEIGHT }, state, select);
    if (state.picture) frames.kymograph.setPicture(state.picture);
    setTraces();
    for (const [name, frame] of Object.entries(frames)) {
      attachGestures(frame.u.over, gestures);
      hover(name, frame, frames, state, (text) => (readout.textContent = text ?? HINT));
    }
    describe();
  }

  /** Zoom or move to `view`, and tell the page unless it asked for it; false if nothing changed. */
  function setView(view, { tell = true } = {}) {
    const next = fit(view, info.lines);
    if (isSame(next, state.view)) return false;
    state.view = next;
    list().forEach((frame) => frame.show({ x: xRange(state) }));
    followers.forEach((follow) => follow());
    describe();
    if (tell) onView(next);
    return true;
  }

  function setTraces() {
    if (frames.traces) frames.traces.show({ y: traceRange(state) });
  }

  function describe() {
    const { view, units, lanes, shownEvents } = state;
    const times = `${number(view.from * units.line, 6)} to ${number(view.to * units.line, 6)} ${units.time}`;
    const size = `${number(info.pixels * units.pixel, 5)} ${units.space}`;
    frames.kymograph.describe(`Kymograph of ${info.name}, ${times}, ${size}, ${plural(info.rois.length, "ROI")}`);
    frames.strip?.describe(`${plural(shownEvents.length, "event")} by kind: ${lanes.join(", ")}`);
    frames.traces?.describe(`Velocity traces of ${plural(info.traces.length, "ROI")}, ${times}`);
  }

  const gestures = {
    zoomAt: (share, factor) => {
      const { view } = state;
      setView(zoom(view, view.from + share * (view.to - view.from), factor, info.lines));
    },
    panBy: (share) => setView(pan(state.view, share * (state.view.to - state.view.from), info.lines)),
    whole: () => setView(whole(info.lines)),
    isWhole: () => isWhole(state.view, info.lines),
    toEvent,
  };

  function toEvent(step) {
    const { shownEvents: events, marked, view, units } = state;
    if (!events.length) return;
    const at = events.indexOf(marked);
    const first = step > 0 ? events.findIndex((event) => event.start >= view.from * units.line) : events.length - 1;
    const next = events[at < 0 ? Math.max(0, first) : (at + step + events.length) % events.length];
    mark(next);
    announce(state.describeEvent(next));
    readout.textContent = state.describeEvent(next);
  }

  /** Mark an event, and move to where it is seen. */
  function mark(event) {
    state.marked = event;
    const { view, units } = state;
    const [start, stop] = [event.start / units.line, (event.stop ?? event.start) / units.line];
    if (start < view.from || stop > view.to) {
      const span = view.to - view.from;
      setView({ from: (start + stop) / 2 - span / 2, to: (start + stop) / 2 + span / 2 });
    }
    redraw();
  }

  const endTheme = onTheme(redraw);
  const resized = new ResizeObserver(() => {
    if (Math.abs(host.clientWidth - width) < 2 || !host.clientWidth) return;
    build();
    onView(state.view);
  });
  build();
  resized.observe(host);

  return {
    gestures,
    setView,
    /** Draw the picture alone, once before the screen is shown next, however often a slider moves until then. */
    redrawPicture() {
      pending ||= requestAnimationFrame(() => {
        pending = 0;
        frames.kymograph.redraw();
      });
    },
    mark,
    /** Columns of device pixels of the picture: what is asked of the server. */
    columns: () => Math.max(1, Math.min(4096, Math.floor(frames.kymograph.u.bbox.width))),
    setPicture: (picture) => frames.kymograph.setPicture(picture),
    setTraces() {
      setTraces();
      redraw();
    },
    /** Draw all anew: lanes have come or gone. */
    rebuild: build,
    /** Call `follow` whenever what is shown has changed; returns what ends that. */
    onShown(follow) {
      followers.add(follow);
      return () => followers.delete(follow);
    },
    canvases: () => list().map((frame) => frame.u.ctx.canvas),
    destroy() {
      cancelAnimationFrame(pending);
      endTheme();
      resized.disconnect();
      list().forEach((frame) => frame.destroy());
    },
  };
}
