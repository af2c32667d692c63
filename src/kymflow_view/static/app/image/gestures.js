// Zoom and pan with mouse, wheel and keys. What is dragged over is zoomed to by the frame itself.

const ZOOM = 1.3;

/** Wheel zooms, Shift and wheel or a sideways wheel moves, Shift and drag moves, double click shows the whole. */
export function attachGestures(over, { zoomAt, panBy, whole, isWhole }) {
  over.addEventListener(
    "wheel",
    (event) => {
      const [sideways, down] = event.shiftKey ? [event.deltaX + event.deltaY, 0] : [event.deltaX, event.deltaY];
      // Nothing to zoom out to: let the page scroll.
      if (isWhole() && (down > 0 || Math.abs(sideways) > Math.abs(down))) return;
      event.preventDefault();
      if (Math.abs(sideways) > Math.abs(down)) panBy(Math.sign(sideways) * 0.1);
      else if (down) zoomAt(event.offsetX / over.clientWidth, down < 0 ? 1 / ZOOM : ZOOM);
    },
    { passive: false },
  );
  over.addEventListener("dblclick", whole);
  over.addEventListener("pointerdown", (event) => {
    if (!event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    dragToPan(over, event, panBy);
  });
}

function dragToPan(over, { pointerId, clientX }, panBy) {
  let last = clientX;
  over.setPointerCapture(pointerId);
  over.classList.add("image-panning");
  const move = (event) => {
    const share = (last - event.clientX) / over.clientWidth;
    if (panBy(share)) last = event.clientX;
  };
  const end = () => {
    over.classList.remove("image-panning");
    over.removeEventListener("pointermove", move);
  };
  over.addEventListener("pointermove", move);
  over.addEventListener("lostpointercapture", end, { once: true });
}

/** What a key does to a figure; true if it did something. */
export function figureKey(event, { zoomAt, panBy, whole, toEvent }) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  const step = event.shiftKey ? 0.5 : 0.1;
  const actions = {
    ArrowLeft: () => panBy(-step),
    ArrowRight: () => panBy(step),
    "+": () => zoomAt(0.5, 1 / ZOOM),
    "=": () => zoomAt(0.5, 1 / ZOOM),
    "-": () => zoomAt(0.5, ZOOM),
    Home: whole,
    e: () => toEvent(1),
    E: () => toEvent(-1),
  };
  if (!Object.hasOwn(actions, event.key)) return false;
  actions[event.key]();
  return true;
}
