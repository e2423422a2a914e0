// The events of a session by row: windows of them are read as they are asked for, through an index of where each begins.
import { get } from './api.js';

export const EVERY = 500;
const KEPT = 24;

export class Windows {
  /** `changed` is called when events came, `failed` with what went wrong. */
  constructor(session, filter, index, signal, { changed, failed }) {
    Object.assign(this, { session, filter, index, signal, changed, failed });
    this.windows = new Map();
    // What was found out later stands behind with its earlier time: the clock of a replay does not go back.
    let latest = -Infinity;
    this.clock = index.times_us.map((time) => { latest = Math.max(latest, time); return latest; });
  }

  end() { for (const one of this.windows.values()) one.stop.abort(); }

  /** The event of a row, with `at_us`, when a replay comes to it; or undefined: then it is asked for. */
  row(at) {
    const place = Math.floor(at / this.index.every);
    return this.#window(place).events?.[at - place * this.index.every];
  }

  /** The events of the window that a row stands in, once they are there. */
  async around(at) {
    const place = Math.floor(at / this.index.every);
    return { first: place * this.index.every, events: await this.#window(place).coming };
  }

  /** Those asked for longest ago are forgotten. */
  #window(place) {
    let one = this.windows.get(place);
    if (one) { this.windows.delete(place); this.windows.set(place, one); return one; }
    one = { stop: new AbortController() };
    this.windows.set(place, one);
    while (this.windows.size > KEPT) { const [[oldest, forgotten]] = this.windows; forgotten.stop.abort(); this.windows.delete(oldest); }
    one.coming = this.#read(one, place);
    return one;
  }

  async #read(one, place) {
    const signal = AbortSignal.any([this.signal, one.stop.signal]);
    const { every, seqs } = this.index;
    try {
      const events = [];
      let ask = { ...this.filter, session: this.session, after: seqs[place] - 1, limit: Math.min(1000, every) };
      for (;;) {
        const page = await get('/events', ask, signal);
        events.push(...page.events);
        if (!page.next || events.length >= every) break;
        ask = { ...this.filter, session: this.session, cursor: page.next, limit: Math.min(1000, every - events.length) };
      }
      let latest = this.clock[place];
      for (const event of events) { latest = Math.max(latest, event.time_us); event.at_us = latest; }
      one.events = events;
      this.changed();
      return events;
    } catch (error) {
      const forget = () => { if (this.windows.get(place) === one) this.windows.delete(place); };
      if (error.name === 'AbortError') forget();
      // What can be seen is asked for again, but not at once.
      else { this.failed(error); setTimeout(() => { forget(); if (!this.signal.aborted) this.changed(); }, 1_000); }
      return [];
    }
  }
}
