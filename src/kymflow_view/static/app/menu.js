// A button that opens a small panel below itself; Escape, a press outside or leaving it by Tab closes it.

import { fill, h } from "./dom.js";

/**
 * The element of a menu; `content(refresh)` makes what the panel holds each time it opens, and after `refresh()`.
 */
export function menu(label, id, content) {
  const panel = h("div", { id: `${id}-panel`, class: "menu-panel", role: "group", "aria-label": label, hidden: true });
  const button = h("button", { type: "button", id, "aria-expanded": "false", "aria-controls": panel.id, onclick: () => (panel.hidden ? open() : close()) },
    label, h("span", { "aria-hidden": "true", class: "caret" }, " ▾"));
  const element = h("div", { class: "menu" }, button, panel);
  const outside = (event) => element.contains(event.target) || close();
  // What is chosen comes back by the URL.
  const refresh = () => setTimeout(() => panel.hidden || fill(panel, content(refresh)), 100);
  const open = () => {
    fill(panel, content(refresh));
    panel.hidden = false;
    button.setAttribute("aria-expanded", "true");
    document.addEventListener("pointerdown", outside);
    const { right } = panel.getBoundingClientRect();
    panel.classList.toggle("to-left", right > document.documentElement.clientWidth);
  };
  const close = () => {
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
    document.removeEventListener("pointerdown", outside);
  };
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || panel.hidden) return;
    event.stopPropagation();
    close();
    button.focus();
  });
  element.addEventListener("focusout", (event) => {
    if (event.relatedTarget && !element.contains(event.relatedTarget)) close();
  });
  return element;
}
