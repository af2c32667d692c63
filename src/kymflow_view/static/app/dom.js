// Elements from plain values. Texts become text nodes: a name is never read as HTML.

/**
 * Make an element. `properties` are its attributes; `class`, `onclick` and other listeners, `dataset` and booleans
 * are understood. Children are elements, texts, or null for none.
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Replace what `element` holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The children that a message makes: what stands between backticks is code. */
export const prose = (text) => text.split("`").map((part, index) => (index % 2 ? h("code", {}, part) : part));

/** A `select` with `options` of `[value, text]`. */
export function choice(properties, options, value) {
  const select = h("select", properties, options.map(([key, text]) => h("option", { value: key }, text)));
  select.value = value;
  return select;
}

/** Say `text` to screen readers. */
export function announce(text) {
  document.getElementById("announcer").textContent = text;
}

/** `call` after `wait` ms without another call. */
export function debounced(call, wait) {
  let timer = 0;
  const later = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), wait);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** Whether a key was meant for a field in which one writes. */
export function isTyping(event) {
  const target = event.target;
  return target.isContentEditable || /^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName);
}
