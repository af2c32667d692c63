// What a browser remembers of somebody's choices; nothing of the data.

/** The value remembered under `key`, or `fallback`; also where the storage is switched off. */
export function recall(key, fallback = null) {
  try {
    return localStorage.getItem(`kymflow.${key}`) ?? fallback;
  } catch {
    return fallback;
  }
}

/** Remember `value` (a text), or forget it (null). */
export function remember(key, value) {
  try {
    if (value === null) localStorage.removeItem(`kymflow.${key}`);
    else localStorage.setItem(`kymflow.${key}`, value);
  } catch {
    // Not remembered: the choice holds until the page is left.
  }
}
