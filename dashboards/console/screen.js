// The recorded terminal as of a moment: pages of screens from the server, put together here and shown as text.
import { get } from './api.js';
import { h } from './dom.js';

export class Screen {
  /** `told` gets a sentence where there is nothing to show, or an empty text. */
  constructor(session, signal, told) {
    Object.assign(this, { session, signal, told, page: null, ahead: null, asking: null, shownFrame: -1, wanted: null });
    this.cursor = h('span', { class: 'cursor', 'aria-hidden': 'true', hidden: true });
    this.lines = h('div', { class: 'lines' });
    this.element = h('div', { class: 'terminal', tabindex: '0', role: 'group', 'aria-label': 'Terminal' }, this.lines, this.cursor);
    this.rows = [];
  }

  /** Whether anything was ever shown. */
  async begin() {
    const found = await get(`/sessions/${encodeURIComponent(this.session)}/terminal`, {}, this.signal);
    this.page = { from: Number.MIN_SAFE_INTEGER, next: found.next_us, frames: found.frames, styles: found.styles };
    if (found.next_us !== null) this.#ask(found.next_us, true);
    return found.frames.length > 0;
  }

  /** Shows what was shown at this time, as soon as it is known. */
  show(time) {
    this.wanted = time;
    const page = this.page;
    if (page && time >= page.from && (page.next === null || time < page.next)) { this.#draw(time); return; }
    if (page && this.ahead && time >= this.ahead.from && (this.ahead.next === null || time < this.ahead.next)) {
      this.page = this.ahead;
      this.ahead = null;
      this.shownFrame = -1;
      this.#draw(time);
      if (this.page.next !== null) this.#ask(this.page.next, true);
      return;
    }
    this.#ask(time, false);
  }

  async #ask(from, isAhead) {
    // One answer at a time; what is wanted when it comes is asked for then.
    if (this.asking) return;
    this.asking = true;
    let made = null;
    try {
      const found = await get(`/sessions/${encodeURIComponent(this.session)}/terminal`, { from_us: from }, this.signal);
      made = { from, next: found.next_us, frames: found.frames, styles: found.styles };
    } catch (error) { if (error.name !== 'AbortError') { this.told(error.message); await new Promise((done) => { setTimeout(done, 1_000); }); } }
    this.asking = null;
    if (!made || this.signal.aborted) return;
    if (isAhead) { this.ahead = made; if (this.wanted !== null) this.show(this.wanted); return; }
    this.page = made;
    this.ahead = null;
    this.shownFrame = -1;
    this.show(this.wanted);
    if (made.next !== null) this.#ask(made.next, true);
  }

  #draw(time) {
    const { frames, styles } = this.page;
    let last = -1;
    // The frames of a page are few, and mostly it goes on by one.
    while (last + 1 < frames.length && frames[last + 1].time_us <= time) last += 1;
    if (last === this.shownFrame) { if (last < 0) this.#blank(); return; }
    for (let at = last < this.shownFrame ? 0 : this.shownFrame + 1; at <= last; at += 1) this.#apply(frames[at], styles);
    this.shownFrame = last;
    if (last < 0) { this.#blank(); return; }
    const { cursor, rows, columns } = frames[last];
    this.told('');
    this.element.setAttribute('aria-label', `Terminal, ${rows} lines of ${columns} cells`);
    this.cursor.hidden = cursor === null;
    if (cursor) { this.cursor.style.setProperty('--row', cursor[0]); this.cursor.style.setProperty('--column', Math.min(cursor[1], columns - 1)); }
  }

  #blank() {
    this.rows = [];
    this.lines.replaceChildren();
    this.cursor.hidden = true;
    this.told('Nothing was shown on a terminal by then.');
  }

  #apply(frame, styles) {
    if (frame.whole) {
      this.rows = Array.from({ length: frame.rows }, () => h('div', {}));
      this.lines.replaceChildren(...this.rows);
      this.lines.style.minWidth = `${frame.columns}ch`;
    }
    for (const { row, runs } of frame.lines) this.rows[row]?.replaceChildren(...runs.map((run) => piece(run.text, styles[run.style])));
  }
}

function piece(text, style) {
  const made = h('span', { class: [style.bold && 'b', style.dim && 'd', style.italic && 'i', style.underline && 'u'].filter(Boolean).join(' ') || null }, text);
  const [front, back] = style.inverse ? [style.background ?? 'var(--terminal)', style.foreground ?? 'var(--terminal-text)'] : [style.foreground, style.background];
  if (front) made.style.color = front;
  if (back) made.style.background = back;
  return made;
}
