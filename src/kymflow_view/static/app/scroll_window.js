// Which rows of a long table are in view. A browser cuts off what is taller than some ten million pixels: taller
// tables are scaled to what it can hold, and wheel and keys still move by rows.

const TALLEST = 8_000_000; // px

export class ScrollWindow {
  #exact = null; // {top, scrollTop}: where a scaled table was moved to, finer than its scroll bar.

  constructor(holder, rowHeight, total) {
    this.holder = holder;
    this.rowHeight = rowHeight;
    this.total = total; // () => how many rows
  }

  /** Whether the table is taller than what can be shown as it is. */
  get isScaled() {
    return this.total() * this.rowHeight > TALLEST;
  }

  /** How many whole rows are in view. */
  get seen() {
    return Math.max(1, Math.floor(this.holder.clientHeight / this.rowHeight));
  }

  /** The position of the first row in view; with a fraction, where it is cut. */
  get top() {
    const { scrollTop } = this.holder;
    if (!this.isScaled) return scrollTop / this.rowHeight;
    if (this.#exact && Math.abs(this.#exact.scrollTop - scrollTop) < 1) return this.#exact.top;
    return Math.min(1, scrollTop / this.#range) * this.#room;
  }

  /** Scroll so that the row at `top` is the first. */
  set top(top) {
    if (!this.isScaled) {
      this.holder.scrollTop = top * this.rowHeight;
      return;
    }
    const to = Math.min(this.#room, Math.max(0, top));
    this.holder.scrollTop = (to / this.#room) * this.#range;
    this.#exact = { top: to, scrollTop: this.holder.scrollTop };
  }

  /** Scroll as little as shows the row at `position`, or so that it is in the middle if it was out of view. */
  reveal(position, center) {
    const { top, seen } = this;
    if (position >= top && position <= top + seen - 1) return;
    if (center) this.top = Math.max(0, position - Math.floor(seen / 2));
    else this.top = position < top ? position : position - seen + 1;
  }

  /** Where `count` rows go: the position of the first, and the space above and below them, in px. */
  place(count, spare) {
    const total = this.total();
    const tall = Math.min(total * this.rowHeight, TALLEST);
    const first = this.isScaled ? Math.floor(this.top) : Math.max(0, Math.min(Math.floor(this.top) - spare, total - count));
    const above = this.isScaled ? this.holder.scrollTop : first * this.rowHeight;
    return { first, above, below: Math.max(0, tall - above - Math.min(count, total - first) * this.rowHeight) };
  }

  get #room() {
    return Math.max(1, this.total() - this.seen);
  }

  get #range() {
    return TALLEST - this.holder.clientHeight;
  }
}
