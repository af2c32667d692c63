// From samples to colours: tables that are looked up, so that contrast and colours cost no request.

/** Colour maps by name, as colours at equal distances from black to white. */
export const COLOR_MAPS = {
  gray: ["#000000", "#ffffff"],
  green: ["#000000", "#006b1f", "#00d63c", "#e6ffe9"],
  viridis: ["#440154", "#472d7b", "#3b528b", "#2c728e", "#21918c", "#28ae80", "#5ec962", "#addc30", "#fde725"],
  inferno: ["#000004", "#1b0c41", "#4a0c6b", "#781c6d", "#a52c60", "#cf4446", "#ed6925", "#fb9b06", "#f7d13d", "#fcffa4"],
};

/**
 * 256 colours of a map as 32-bit words in the byte order of ImageData on little-endian machines (A B G R).
 */
export function palette(name, inverse = false) {
  const stops = (COLOR_MAPS[name] ?? COLOR_MAPS.gray).map((text) => [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16)));
  const words = new Uint32Array(256);
  for (let level = 0; level < 256; level++) {
    const place = ((inverse ? 255 - level : level) / 255) * (stops.length - 1);
    const below = Math.min(stops.length - 2, Math.floor(place));
    const [r, g, b] = stops[below].map((low, part) => Math.round(low + (place - below) * (stops[below + 1][part] - low)));
    words[level] = (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
  }
  return words;
}

/** The colour of every uint16 sample: `black` and below is the first colour, `white` and above the last. */
export function lookup16(black, white, colors) {
  const table = new Uint32Array(65536);
  const scale = 255 / Math.max(white - black, 1e-9);
  const first = Math.min(65536, Math.max(0, Math.ceil(black)));
  const last = Math.min(65536, Math.max(first, Math.ceil(white)));
  table.fill(colors[0], 0, first);
  for (let sample = first; sample < last; sample++) table[sample] = colors[Math.round((sample - black) * scale)];
  table.fill(colors[255], last);
  return table;
}

/**
 * The colours of samples, in the order of `samples`. uint16 samples are looked up; others are scaled. Samples that
 * are no number are transparent.
 */
export function colorize(samples, { black, white, map, inverse }, words = new Uint32Array(samples.length)) {
  const colors = palette(map, inverse);
  if (samples instanceof Uint16Array) {
    const table = lookup16(black, white, colors);
    for (let i = 0; i < samples.length; i++) words[i] = table[samples[i]];
    return words;
  }
  const scale = 255 / Math.max(white - black, 1e-30);
  for (let i = 0; i < samples.length; i++) {
    const level = (samples[i] - black) * scale;
    words[i] = level !== level ? 0 : colors[level <= 0 ? 0 : level >= 255 ? 255 : Math.round(level)];
  }
  return words;
}

/**
 * Black and white from the histogram of the raw samples: 1 and 99 percent of them. The brightest of `lines` samples
 * is shown for each pixel of plane `max`, the darkest in `min`: there the share that is left out is of the samples
 * shown, or most of the picture would be white.
 */
export function automatic({ low, high, p1, p99, edges = [], counts = [] }, plane = "raw", lines = 1) {
  if (p1 === null) return { black: 0, white: 1 };
  const black = plane === "min" && lines > 1 ? Math.min(p1, quantile(edges, counts, 0.01 / lines) ?? p1) : p1;
  const white = plane === "max" && lines > 1 ? Math.max(p99, quantile(edges, counts, 1 - 0.01 / lines) ?? p99) : p99;
  if (white > black) return { black, white };
  if (high > low) return { black: low, white: high };
  return { black: low, white: low + 1 };
}

/** Heights from 0 to 1 of the bars of a small histogram: logarithmic, so that few bright samples are seen. */
export function barHeights(counts) {
  const most = Math.log1p(Math.max(1, ...counts));
  return counts.map((count) => Math.log1p(count) / most);
}

/** The value below which a share of the samples of a histogram lies; null where it is empty. */
export function quantile(edges, counts, share) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let left = share * total;
  for (let bin = 0; bin < counts.length; bin++) {
    if (left <= counts[bin] && counts[bin] > 0) return edges[bin] + (left / counts[bin]) * (edges[bin + 1] - edges[bin]);
    left -= counts[bin];
  }
  return total ? edges.at(-1) : null;
}
