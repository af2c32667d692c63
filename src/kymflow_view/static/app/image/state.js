// What the parts of an image share.

import { recall } from "../memory.js";
import { COLOR_MAPS } from "./contrast.js";
import { colorIndices, kindsOf, placed } from "./events.js";
import { unitsOf } from "./format.js";
import { eventText } from "./hover.js";
import { whole } from "./view.js";

const PLANES = ["max", "mean", "min"];

/** The state of an image; of `before`, the image shown before, nothing but the kinds that were switched off stays. */
export function makeState(info, before = null) {
  const events = info.events.map((event) => ({ ...event, kind: String(event.kind ?? "without a kind") }));
  const kinds = kindsOf(events);
  const units = unitsOf(info);
  const state = {
    info: { ...info, events },
    units,
    view: whole(info.lines),
    channel: 0,
    plane: remembered("plane", PLANES),
    contrast: { black: 0, white: 65535, map: remembered("map", Object.keys(COLOR_MAPS)), inverse: recall("image.inverse") === "yes" },
    contrastBy: "auto",
    picture: null,
    /** Lines that share a column of the picture; 1 where every line is shown. */
    linesPerColumn: () => (state.picture ? Math.max(1, (state.picture.to - state.picture.from) / state.picture.columns) : 1),
    traces: [],
    reach: 0,
    showAll: false,
    kinds,
    kindColors: colorIndices(kinds.map(({ kind }) => kind)),
    hiddenKinds: new Set(before?.hiddenKinds),
    hiddenRois: new Set(),
    placed: placed(events),
    marked: null,
    roiIndex: (id) => Math.max(0, info.rois.findIndex(({ roi_id: roi }) => roi === id)),
    describeEvent: (event) => eventText(event, units),
    /** `step` is the time of a column: a value further away than two of them is not under the mouse. */
    setTraces(traces, step) {
      state.traces = traces;
      state.reach = 2 * Math.max(step, ...traces.filter(({ t }) => t.length > 1).map(({ t }) => (t.at(-1) - t[0]) / t.length));
    },
  };
  showEvents(state);
  return state;
}

/** What was chosen last of `names`; the first of them if nothing was. */
function remembered(what, names) {
  const name = recall(`image.${what}`);
  return names.includes(name) ? name : names[0];
}

/** Find the lanes and events that are switched on. */
export function showEvents(state) {
  const { kinds, hiddenKinds, hiddenRois } = state;
  state.lanes = kinds.map(({ kind }) => kind).filter((kind) => !hiddenKinds.has(kind));
  state.shownEvents = state.placed.filter(({ kind, roi_id: roi }) => !hiddenKinds.has(kind) && !hiddenRois.has(roi));
  state.shownByKind = byKind(state.shownEvents);
  if (!state.shownEvents.includes(state.marked)) state.marked = null;
}

function byKind(events) {
  const groups = new Map();
  for (const event of events) {
    if (!groups.has(event.kind)) groups.set(event.kind, []);
    groups.get(event.kind).push(event);
  }
  return groups;
}

/** Take `value` into a set, or out of it. */
export function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
}
