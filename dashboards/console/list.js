// A list of any length: only the rows that can be seen are in the page, and only some windows of events are in memory.
import { h, time } from './dom.js';
import { subjectOf, verb, verdictOf, programOf } from './events.js';

const TALL = 15_000_000;
const narrow = matchMedia('(max-width: 760px)');

/** `source.row(i)` gives an event or undefined and asks for it then; `open(event)` is called for the chosen one. */
export class EventList {
  constructor(label, source, open) {
    Object.assign(this, { source, open, total: 0, chosen: -1, asked: false, rows: new Map() });
    this.pad = h('div', { class: 'pad', role: 'presentation' });
    this.element = h('div', { class: 'list', role: 'listbox', tabindex: '0', 'aria-label': label, onkeydown: (event) => this.#key(event) }, this.pad);
    this.element.addEventListener('scroll', () => this.draw(), { passive: true });
    this.observer = new ResizeObserver(() => this.#fit());
    this.observer.observe(this.element);
  }

  end() { this.observer.disconnect(); }
  get height() { return narrow.matches ? 46 : 26; }
  get #seen() { return Math.max(1, Math.floor(this.element.clientHeight / this.height)); }
  get atEnd() { return this.element.scrollTop + this.element.clientHeight >= this.element.scrollHeight - this.height; }

  setTotal(total) { this.total = total; this.#fit(); }

  /** Rows before the kept ones went away. */
  shift(rows) {
    if (this.chosen >= 0) this.chosen = Math.max(-1, this.chosen - rows);
    this.element.scrollTop = Math.max(0, this.element.scrollTop - rows * this.height);
  }

  /** Chooses a row and shows it. */
  choose(row) { this.chosen = row; this.#show(row); }

  renew() { for (const row of this.rows.values()) row.remove(); this.rows.clear(); this.draw(); }

  toEnd() { this.element.scrollTop = this.element.scrollHeight; }

  toRow(row) {
    const { clientHeight, scrollHeight } = this.element;
    const reach = Math.max(1, this.total - clientHeight / this.height);
    this.element.scrollTop = Math.min(1, Math.max(0, row / reach)) * (scrollHeight - clientHeight);
    this.draw();
  }

  #fit() {
    this.pad.style.height = `${Math.min(TALL, this.total * this.height)}px`;
    this.renew();
  }

  draw() {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => { this.asked = false; this.#place(); });
  }

  #place() {
    const { scrollTop, clientHeight, scrollHeight } = this.element;
    const height = this.height;
    const reach = Math.max(0, this.total - clientHeight / height);
    const room = Math.max(1, scrollHeight - clientHeight);
    // Above a browser's tallest element the bar stands for more rows than it has pixels.
    const exact = this.total * height <= TALL ? scrollTop / height : (Math.min(1, scrollTop / room)) * reach;
    const first = Math.max(0, Math.floor(exact) - 3);
    const last = Math.min(this.total, Math.ceil(exact + clientHeight / height) + 3);
    for (const [at, row] of this.rows) if (at < first || at >= last) { row.remove(); this.rows.delete(at); }
    for (let at = first; at < last; at += 1) {
      const event = this.source.row(at);
      let row = this.rows.get(at);
      if (!row || (event && row.dataset.empty)) {
        row?.remove();
        row = this.#row(at, event);
        this.rows.set(at, row);
        this.pad.append(row);
      }
      row.style.transform = `translateY(${scrollTop + (at - exact) * height}px)`;
      row.setAttribute('aria-selected', String(at === this.chosen));
    }
    if (this.rows.has(this.chosen)) this.element.setAttribute('aria-activedescendant', this.rows.get(this.chosen).id);
    else this.element.removeAttribute('aria-activedescendant');
  }

  #row(at, event) {
    const place = { role: 'option', id: `row-${at}`, class: 'row', 'aria-setsize': this.total, 'aria-posinset': at + 1 };
    if (!event) return h('div', { ...place, 'data-empty': '1' }, h('span', { class: 'seq' }, '…'));
    const verdict = verdictOf(event);
    return h('div', { ...place, 'data-seq': event.seq, onclick: () => { this.chosen = at; this.draw(); this.open(event); } },
      h('span', { class: 'seq' }, event.seq), h('span', {}, time(event.time_us)), h('span', { class: 'kind' }, verb(event)),
      h('span', { class: 'process quiet' }, programOf(event)), h('span', { class: 'subject' }, subjectOf(event)),
      h('span', {}, verdict && h('span', { class: `tag ${verdict.tone}` }, verdict.text)));
  }

  #key(event) {
    const steps = { ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: this.#seen, PageUp: -this.#seen, Home: -Infinity, End: Infinity };
    if (event.key === 'Enter' && this.chosen >= 0) {
      const chosen = this.source.row(this.chosen);
      if (chosen) this.open(chosen);
    } else if (event.key in steps && this.total > 0 && !event.ctrlKey && !event.metaKey) {
      const from = this.chosen < 0 ? -1 : this.chosen;
      this.chosen = Math.min(this.total - 1, Math.max(0, from + steps[event.key]));
      this.#show(this.chosen);
    } else return;
    event.preventDefault();
  }

  #show(row) {
    const element = this.rows.get(row);
    const box = this.element.getBoundingClientRect();
    const place = element?.getBoundingClientRect();
    if (!place || place.top < box.top || place.bottom > box.bottom) {
      if (this.total * this.height <= TALL) {
        const top = row * this.height;
        const { scrollTop, clientHeight } = this.element;
        this.element.scrollTop = top < scrollTop ? top : top + this.height - clientHeight;
      } else this.toRow(row);
    }
    this.draw();
  }
}
