// Light and dark: follows the system until somebody chooses, and remembers the choice.

import { recall, remember } from "./memory.js";

const listeners = new Set();
const system = matchMedia("(prefers-color-scheme: dark)");

/** The theme that is shown: "light" or "dark". */
export function theme() {
  return document.documentElement.dataset.theme;
}

/** Call `listener` after each change of the theme; returns what ends that. Canvases are redrawn in it. */
export function onTheme(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Switch to the other theme. What the system prefers is not remembered, so that it is followed again. */
export function switchTheme() {
  const next = theme() === "dark" ? "light" : "dark";
  remember("theme", next === systemTheme() ? null : next);
  show(next);
}

/** The value of a custom property, such as `--text`, for canvases. */
export function color(property) {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

function systemTheme() {
  return system.matches ? "dark" : "light";
}

function show(next) {
  if (next === theme()) return;
  document.documentElement.dataset.theme = next;
  for (const listener of [...listeners]) listener(next);
}

system.addEventListener("change", () => {
  if (!recall("theme")) show(systemTheme());
});
