// Save what is shown as a PNG.

import { h } from "../dom.js";
import { color } from "../theme.js";

/** Put `canvases` below one another under a line of text, and offer them as a file. */
export function savePicture(canvases, { title, name }) {
  const scale = devicePixelRatio;
  const top = 26 * scale;
  const sheet = document.createElement("canvas");
  sheet.width = Math.max(...canvases.map((canvas) => canvas.width));
  sheet.height = canvases.reduce((height, canvas) => height + canvas.height, top);
  const ctx = sheet.getContext("2d");
  ctx.fillStyle = color("--bg");
  ctx.fillRect(0, 0, sheet.width, sheet.height);
  ctx.fillStyle = color("--text");
  ctx.font = `${13 * scale}px system-ui, "DejaVu Sans", sans-serif`;
  ctx.fillText(title, 8 * scale, 17 * scale, sheet.width - 16 * scale);
  let at = top;
  for (const canvas of canvases) {
    ctx.drawImage(canvas, 0, at);
    at += canvas.height;
  }
  sheet.toBlob((blob) => download(blob, name), "image/png");
}

function download(blob, name) {
  const href = URL.createObjectURL(blob);
  h("a", { href, download: name }).click();
  // The download has begun when the click returns; the memory is freed later, as some browsers read it late.
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
