// Contrast, colours and planes of the picture: none of them asks the server.

import { choice, h } from "../dom.js";
import { remember } from "../memory.js";
import { color, onTheme } from "../theme.js";
import { automatic, barHeights, COLOR_MAPS } from "./contrast.js";
import { extremes } from "./raster.js";

const PLANES = [["max", "max"], ["mean", "mean"], ["min", "min"]];
const [HISTOGRAM_WIDTH, HISTOGRAM_HEIGHT] = [140, 50];

/**
 * Controls of contrast. `state.contrast` is replaced, never changed, by each of them; `onChange()` is called then.
 * Returns `{element, setHistogram(histogram), destroy()}`.
 */
export function makeContrast(state, onChange) {
  let counted = false;
  let histogram = { low: 0, high: 1, p1: 0, p99: 1, counts: [], edges: [] };
  const canvas = h("canvas", { class: "image-histogram", role: "img", "aria-label": "Histogram of the raw samples" });
  const black = level("Black", (value) => change({ black: Math.min(value, state.contrast.white - step()) }));
  const white = level("White", (value) => change({ white: Math.max(value, state.contrast.black + step()) }));
  const auto = h("button", { type: "button", title: "From 1 to 99 percent of the raw samples", onclick: () => follow(true) }, "Auto");
  const isWhole = () => Number.isInteger(histogram.low) && Number.isInteger(histogram.high);
  const step = () => (isWhole() ? 1 : (histogram.high - histogram.low) / 1000 || 1e-3);

  /** `how` is "auto" for black and white from the histogram: a better histogram may then replace them. */
  function change(part, how = "hand") {
    state.contrast = { ...state.contrast, ...part };
    state.contrastBy = how;
    show();
    onChange();
  }

  /** Black and white from the histogram for what is shown, unless somebody has set them by hand. */
  function follow(always = false) {
    if (!always && state.contrastBy !== "auto") return;
    const next = automatic(histogram, state.plane, state.linesPerColumn());
    const [black, white] = isWhole() ? [Math.floor(next.black), Math.ceil(next.white)] : [next.black, next.white];
    if (!always && black === state.contrast.black && white === state.contrast.white) return;
    change({ black, white }, "auto");
  }

  function show() {
    for (const [control, value] of [[black, state.contrast.black], [white, state.contrast.white]]) {
      control.show(value, Math.min(histogram.low, value), Math.max(histogram.high, value), step());
    }
    drawHistogram(canvas, histogram, state.contrast);
  }

  const endTheme = onTheme(() => drawHistogram(canvas, histogram, state.contrast));
  const levels = h("div", { class: "image-levels" }, black.element, white.element);
  const element = h("div", { class: "image-contrast", role: "group", "aria-label": "Contrast" }, canvas, levels, auto);
  return {
    element,
    /** Contrast is that of a picture until the histogram of the raw samples has come: of large images, after it. */
    setPicture(picture) {
      const found = counted ? null : extremes(picture);
      if (found) histogram = { ...histogram, ...found, p1: found.low, p99: found.high };
      follow();
    },
    setHistogram(next) {
      counted = true;
      histogram = next;
      follow();
      show();
    },
    follow,
    destroy: endTheme,
  };
}

function level(name, onValue) {
  const slider = h("input", { type: "range", "aria-label": name, oninput: () => onValue(Number(slider.value)) });
  const field = h("input", {
    type: "number",
    "aria-label": `${name} as a number`,
    onchange: () => {
      if (Number.isFinite(field.valueAsNumber)) onValue(field.valueAsNumber);
    },
  });
  return {
    element: h("div", {}, h("span", {}, name), slider, field),
    show(value, low, high, step) {
      Object.assign(slider, { min: low, max: high, step });
      Object.assign(field, { step });
      slider.value = value;
      field.value = Number.isInteger(value) ? value : Number(value.toPrecision(5));
    },
  };
}

function drawHistogram(canvas, { low, high, counts }, { black, white }) {
  const scale = devicePixelRatio;
  Object.assign(canvas, { width: HISTOGRAM_WIDTH * scale, height: HISTOGRAM_HEIGHT * scale });
  const ctx = canvas.getContext("2d");
  ctx.scale(scale, scale);
  const bar = HISTOGRAM_WIDTH / Math.max(1, counts.length);
  ctx.fillStyle = color("--muted");
  barHeights(counts).forEach((height, at) => {
    ctx.fillRect(at * bar, HISTOGRAM_HEIGHT * (1 - height), bar + 0.3, HISTOGRAM_HEIGHT * height);
  });
  // The line from black to white over the samples.
  const x = (value) => ((value - low) / (high - low || 1)) * HISTOGRAM_WIDTH;
  ctx.strokeStyle = color("--accent");
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(0, HISTOGRAM_HEIGHT - 1);
  ctx.lineTo(x(black), HISTOGRAM_HEIGHT - 1);
  ctx.lineTo(x(white), 1);
  ctx.lineTo(HISTOGRAM_WIDTH, 1);
  ctx.stroke();
}

/**
 * Menus of plane, colours and channel, zoom buttons and saving.
 * `actions`: `{look(), channel(), whole(), zoom(factor), save()}`.
 */
export function makeTools(state, channels, actions) {
  const plane = choice({ onchange: () => look("plane", plane.value) }, PLANES, state.plane);
  const names = Object.keys(COLOR_MAPS).map((name) => [name, name]);
  const map = choice({ onchange: () => look("map", map.value) }, names, state.contrast.map);
  const inverse = h("input", { type: "checkbox", onchange: () => look("inverse", inverse.checked) });
  inverse.checked = state.contrast.inverse;

  function look(name, value) {
    remember(`image.${name}`, typeof value === "boolean" ? (value ? "yes" : null) : value);
    if (name === "plane") state.plane = value;
    else state.contrast = { ...state.contrast, [name]: value };
    actions.look();
  }

  const button = (text, title, onclick, label = title) => h("button", { type: "button", title, "aria-label": label, onclick }, text);
  return h(
    "div",
    { class: "image-tools", role: "group", "aria-label": "Picture" },
    h("label", { title: "Of the lines that share a column of the screen, show the brightest, the mean or the darkest" }, "Reduce by ", plane),
    h("label", {}, "Colours ", map),
    h("label", {}, inverse, " Inverse"),
    channels > 1 && channelMenu(state, channels, actions),
    h(
      "span",
      { class: "image-zoom" },
      button("\u2212", "Zoom out (-)", () => actions.zoom(1.6)),
      button("+", "Zoom in (+)", () => actions.zoom(1 / 1.6)),
      button("Whole", "Show the whole image (Home)", actions.whole, null),
    ),
    h("button", { type: "button", onclick: actions.save }, "Save picture"),
  );
}

function channelMenu(state, channels, actions) {
  const options = Array.from({ length: channels }, (_, at) => [String(at), `${at + 1}`]);
  const menu = choice({}, options, String(state.channel));
  menu.addEventListener("change", () => {
    state.channel = Number(menu.value);
    actions.channel();
  });
  return h("label", {}, "Channel ", menu);
}

