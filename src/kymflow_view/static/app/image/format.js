// Numbers and names in words.

const MINUS = "\u2212";

/** A number with about `digits` figures; an empty text for none. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || Number.isNaN(value)) return "";
  if (typeof value !== "number") return String(value);
  const size = Math.abs(value);
  const text = size !== 0 && (size < 1e-4 || size >= 1e7) ? value.toExponential(digits - 1) : String(Number(value.toPrecision(digits)));
  return text.replace(/^-/, MINUS);
}

/** A time at the precision of `span`, the time that is shown. */
export function time(value, span) {
  const decimals = Math.min(6, Math.max(0, 4 - Math.floor(Math.log10(Math.max(span, 1e-6)))));
  return value.toFixed(decimals).replace(/^-/, MINUS);
}

/** The name of an ROI for people. */
export const roiName = ({ roi_id, name }) => (name ? `ROI ${roi_id} ${name}` : `ROI ${roi_id}`);

/** A text of at most about `width` by leaving out its middle: names often differ in their last word. */
export function shortened(text, width, measure) {
  if (measure(text) <= width) return text;
  const [last] = /[^_\s-]+$/.exec(text) ?? [text];
  for (let kept = text.length - last.length - 1; kept >= 0; kept--) {
    const short = `${text.slice(0, kept)}…${last}`;
    if (measure(short) <= width) return short;
  }
  for (let kept = text.length - 1; kept > 1; kept--) {
    const short = `${text.slice(0, Math.ceil(kept / 2))}…${text.slice(text.length - Math.floor(kept / 2))}`;
    if (measure(short) <= width) return short;
  }
  return "…";
}

/** What the units of an image are: seconds and micrometres, or lines and pixels where it is not calibrated. */
export function unitsOf({ seconds_per_line: line, um_per_pixel: pixel }) {
  return {
    line: line ?? 1,
    pixel: pixel ?? 1,
    time: line === null ? "lines" : "s",
    space: pixel === null ? "pixels" : "µm",
  };
}
