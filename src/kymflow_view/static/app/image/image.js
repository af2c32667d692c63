// An image: kymograph, events and velocities, with linked zoom. The signature stands in ../router.js.

import { ApiError } from "../api.js";
import { onServer } from "../changes.js";
import { announce, debounced, fill, h, isTyping, prose } from "../dom.js";
import { makeContrast, makeTools } from "./controls.js";
import { eventOfRow, timesOfRow } from "./events.js";
import { makeFigure } from "./figure.js";
import { number } from "./format.js";
import { figureKey } from "./gestures.js";
import { facts, showHeading } from "./heading.js";
import { kindEntries, roiEntries, showLegend } from "./legend.js";
import { askHistogram, askInfo, askPicture, askTraces, slot } from "./loader.js";
import { showPanels } from "./panels.js";
import { savePicture } from "./save.js";
import { makeState, showEvents, toggle } from "./state.js";
import { outsideSwitch } from "./outside.js";
import { cleaned } from "./traces.js";
import { around, fit, isWhole, whole } from "./view.js";

/** Milliseconds without a further zoom or move before the server is asked. */
const QUIET_MS = 60;
const ROUGH = "A first picture, from a part of the lines only: a flash may be missing. The whole one follows by itself.";

/** Mount an image; see ../router.js. */
export function mountImage(element, { imageId, from = null, to = null, row = null, onNavigate, onStep }) {
  const parts = Object.fromEntries(
    ["heading", "controls", "figure", "status", "outside", "legend", "panels"].map((name) => [name, h("div", { class: `image-${name}-part` })]),
  );
  parts.status.setAttribute("role", "status");
  const root = h("div", { class: "image" }, Object.values(parts));
  fill(element, root);
  const slots = { info: slot(), picture: slot(), traces: slot(), histogram: slot() };
  const askSoon = debounced(() => figure && ask(), QUIET_MS);
  let wanted = { imageId, from, to, row };
  let state = null; // of the image that is shown
  let shownId = null; // as it was asked for
  let figure = null;
  let ends = [];
  let asking = null;
  let missed = false; // Something did not come, as nobody answered.

  async function open() {
    const { imageId: id } = wanted;
    missed = false;
    busy(true);
    askSoon.cancel();
    try {
      const info = await slots.info.run(askInfo(id));
      if (info) build(info, id);
    } catch (error) {
      close();
      state = null;
      busy(false);
      fill(parts.heading, h("h2", {}, "This image cannot be shown"));
      say(error);
    }
  }

  function build(info, id) {
    close();
    shownId = id;
    state = makeState(info, state);
    state.view = wantedView(wanted.row);
    showHeading(parts.heading, info, onStep);
    fill(parts.status);
    const contrast = makeContrast(state, () => figure.redrawPicture());
    const tools = makeTools(state, info.channels, {
      look: () => {
        contrast.follow();
        figure.redrawPicture();
      },
      channel: () => {
        state.contrastBy = "auto";
        ask(askContrast());
      },
      whole: () => figure.gestures.whole(),
      zoom: (factor) => figure.gestures.zoomAt(0.5, factor),
      save,
    });
    fill(parts.controls, contrast.element, tools);
    figure = makeFigure(parts.figure, state, navigated);
    state.controls = contrast;
    ends.push(contrast.destroy, () => figure.destroy());
    legends();
    markRow();
    ask(askContrast());
    ends.push(showPanels(parts.panels, state, figure));
  }

  function close() {
    ends.forEach((end) => end());
    ends = [];
    figure = null;
    for (const part of Object.values(parts)) if (part !== parts.heading) fill(part);
  }

  /** The view that the URL, or a row that was just clicked, asks for; the whole image otherwise. */
  function wantedView(row) {
    const { lines } = state.info;
    if (wanted.from !== null && wanted.to !== null) return fit(wanted, lines);
    const { line, time } = state.units;
    const place = (time === "s" && timesOfRow(row)) || (row && eventOfRow(state.shownEvents, row.values));
    return place ? around(place.start / line, (place.stop ?? place.start) / line, lines) : whole(lines);
  }

  function navigated(view) {
    if (shownId !== wanted.imageId) return; // Another image is on its way: the zoom is not of that one.
    const { lines } = state.info;
    wanted = { ...wanted, ...(isWhole(view, lines) ? { from: null, to: null } : view) };
    onNavigate?.({ from: wanted.from, to: wanted.to });
    busy(true);
    askSoon();
  }

  /** Ask for picture and traces of what is shown; busy until they, and what `also` waits for, are there. */
  async function ask(also = null) {
    const current = (asking = {});
    busy(true);
    await Promise.all([askPixels(), state.info.traces.length && askVelocities(), also]);
    if (current === asking) busy(false);
  }

  function busy(is) {
    root.setAttribute("aria-busy", String(is));
  }

  async function askPixels() {
    const { info, view, channel } = state;
    const picture = await asked("picture", askPicture(info.image_id, view, figure.columns(), channel));
    if (!picture) return;
    picture.channel = channel;
    state.picture = picture;
    state.controls.setPicture(picture);
    figure.setPicture(picture);
    fill(parts.status, !picture.complete && h("p", { class: "warn" }, ROUGH));
  }

  async function askVelocities() {
    const { info, view, units } = state;
    const answer = await asked("traces", askTraces(info.image_id, view, figure.columns()), parts.outside);
    if (!answer) return;
    state.setTraces(cleaned(answer.traces), ((view.to - view.from) * units.line) / figure.columns());
    figure.setTraces();
    showOutside();
  }

  async function askContrast() {
    const histogram = await asked("histogram", askHistogram(state.info.image_id, state.channel));
    if (histogram) state.controls.setHistogram(histogram);
  }

  /** The answer to a request, or undefined: a newer one took its place, or it failed, which is told in `place`. */
  async function asked(name, request, place = parts.status) {
    const current = state;
    try {
      const answer = await slots[name].run(request);
      return current === state && figure ? answer : undefined;
    } catch (error) {
      if (current === state) say(error, place);
      return undefined;
    }
  }

  function showOutside() {
    fill(parts.outside, outsideSwitch(state, () => {
      figure.setTraces();
      showOutside();
    }));
  }

  function legends() {
    const [kinds, rois] = [h("div", { class: "image-legend" }), h("div", { class: "image-legend" })];
    const changed = (lanes) => {
      showEvents(state);
      if (lanes) figure.rebuild();
      else figure.setTraces();
      show();
      if (state.traces.length) showOutside();
    };
    const show = () => {
      showLegend(kinds, "Events", kindEntries(state), (kind) => {
        toggle(state.hiddenKinds, kind);
        changed(true);
      });
      showLegend(rois, "ROIs", roiEntries(state), (roi) => {
        toggle(state.hiddenRois, roi);
        changed(false);
      });
    };
    fill(parts.legend, kinds, rois);
    show();
  }

  /** Mark the event of the clicked row; the URL then says what is shown of it. */
  function markRow() {
    const event = wanted.row && eventOfRow(state.shownEvents, wanted.row.values);
    if (event) figure.mark(event);
    if (wanted.from === null && !isWhole(state.view, state.info.lines)) queueMicrotask(() => navigated(state.view));
  }

  function save() {
    const { info, view, units } = state;
    const [first, last] = [view.from, view.to].map((line) => number(line * units.line, 6));
    const title = `${info.rel_path || info.name} · ${facts(info)[1]} · ${first} to ${last} ${units.time}`;
    savePicture(figure.canvases(), { title, name: `${info.name.replace(/\.[^.]*$/, "")}_${view.from}_${view.to}.png` });
    announce("The picture is saved as a file.");
  }

  function say(error, place = parts.status) {
    if (error instanceof ApiError) missed ||= [0, 403].includes(error.status);
    else console.error(error);
    fill(place, h("p", { class: "error" }, prose(error.message)));
  }

  function key(event) {
    if (event.defaultPrevented || isTyping(event) || !figure) return;
    if (figureKey(event, figure.gestures)) event.preventDefault();
  }

  root.addEventListener("keydown", key);
  const endServer = [
    onServer("picture", ({ image_id: id }) => {
      if (figure && id === state.info.image_id) askPixels();
    }),
    onServer("connection", (now) => {
      if (now === "there" && missed) open();
    }),
  ];
  open();

  return {
    /** The URL changed: show that. With the same image, contrast and what is switched off stay. */
    update(next) {
      const before = wanted;
      wanted = { from: null, to: null, row: null, ...next };
      if (wanted.imageId !== before.imageId || !figure) return void open();
      if (wanted.imageId !== shownId) return; // It is on its way, and is then shown so.
      const clicked = wanted.row !== before.row ? wanted.row : null;
      if (figure.setView(wantedView(clicked), { tell: false })) {
        busy(true);
        askSoon();
      }
      if (clicked) markRow();
    },
    destroy() {
      close();
      endServer.forEach((end) => end());
      askSoon.cancel();
      Object.values(slots).forEach((each) => each.end());
      root.remove();
    },
  };
}
