// Pictures as the server sends them: planes of columns of samples, reduced to the rows of the screen, and coloured.

import { colorize } from "./contrast.js";

/**
 * Read an answer of `/pixels`: its bytes and the header `Kymflow-Picture`.
 * `planes` maps a name to its samples, column by column.
 */
export function readPicture(buffer, header) {
  const { planes, columns, pixels, dtype, from, to, complete } = JSON.parse(header);
  const Samples = dtype === "float32" ? Float32Array : Uint16Array;
  const size = columns * pixels;
  const expected = planes.length * size * Samples.BYTES_PER_ELEMENT;
  if (buffer.byteLength !== expected) throw new Error(`the picture has ${buffer.byteLength} bytes instead of ${expected}`);
  const named = planes.map((name, at) => [name, new Samples(buffer, at * size * Samples.BYTES_PER_ELEMENT, size)]);
  return { planes: Object.fromEntries(named), columns, pixels, from, to, complete };
}

/** The plane to show: the raw samples where there are no more lines than columns. */
export const planeOf = (picture, plane) => picture.planes.raw ?? picture.planes[plane] ?? Object.values(picture.planes)[0];

/**
 * Put a plane into rows of a picture, pixel 0 at the bottom. Where the screen has fewer rows than the image pixels,
 * the pixels of one row are put together as the plane is (max, min or mean), so that none is left out.
 */
export function toRows(picture, plane, rows) {
  const { columns, pixels } = picture;
  const samples = planeOf(picture, plane);
  const height = Math.min(rows, pixels);
  const out = new samples.constructor(columns * height);
  for (let row = 0; row < height; row++) {
    const first = Math.floor((row * pixels) / height);
    const last = Math.floor(((row + 1) * pixels) / height);
    const at = (height - 1 - row) * columns;
    for (let column = 0; column < columns; column++) {
      const start = column * pixels;
      out[at + column] = last - first === 1 ? samples[start + first] : together(samples, start + first, start + last, plane);
    }
  }
  return { samples: out, columns, height };
}

function together(samples, first, last, plane) {
  let value = samples[first];
  for (let i = first + 1; i < last; i++) {
    const sample = samples[i];
    if (plane === "mean") value += sample;
    else if (plane === "min" ? sample < value : sample > value) value = sample;
  }
  return plane === "mean" ? value / (last - first) : value;
}

/** The least and greatest sample of the means of a picture, or of its raw samples; null where all are alike. */
export function extremes(picture) {
  let [low, high] = [Infinity, -Infinity];
  for (const sample of planeOf(picture, "mean")) {
    if (sample < low) low = sample;
    if (sample > high) high = sample;
  }
  return low < high ? { low, high } : null;
}

/** Paint rows onto a canvas of just their size. */
export function paint(canvas, { samples, columns, height }, contrast) {
  canvas.width = columns;
  canvas.height = height;
  const image = new ImageData(columns, height);
  colorize(samples, contrast, new Uint32Array(image.data.buffer));
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The sample at a line and a pixel, with the plane it is of; null outside the picture. */
export function sampleAt(picture, plane, line, pixel) {
  if (!picture || line < picture.from || line >= picture.to || pixel < 0 || pixel >= picture.pixels) return null;
  const column = Math.floor(((line - picture.from) * picture.columns) / (picture.to - picture.from));
  const value = planeOf(picture, plane)[column * picture.pixels + pixel];
  return { value, plane: picture.planes.raw ? "raw" : plane };
}
