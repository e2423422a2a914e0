// A session again: its events and what its terminal showed, in step.
import { count, empty, failed, h, loading, moment, s, span, time } from './dom.js';
import { get } from './api.js';
import { EventList } from './list.js';
import { Screen } from './screen.js';
import { EVERY, Windows } from './windows.js';

const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 500, 1000];
/** A longer wait between two events is shown as this long (µs), unless waits are wanted. */
const LONGEST_WAIT = 500_000;
/** Events that one picture goes on by, at most. */
const AT_ONCE = 5_000;

export function replay(place, id, parameters, path, signal) {
  const own = `/sessions/${encodeURIComponent(id)}`;
  let [windows, index, line, at, playing, waited, squeezes, speed, before, ended, hasTerminal] = [null, null, null, 0, false, 0, true, 1, 0, false, false];
  const told = h('p', { class: 'quiet', role: 'status' });
  const screen = new Screen(id, signal, (text) => { told.textContent = text; });
  const list = new EventList('Events of the session', { row: (row) => windows?.row(row) }, (event) => seekSeq(event.seq));
  const now = h('span', { class: 'mono' });
  const button = (label, title, then) => h('button', { type: 'button', title, 'aria-label': title, onclick: then }, label);
  const play = button('▶', 'Play', () => toggle());
  const speeds = h('select', { 'aria-label': 'Speed', onchange: (event) => { speed = Number(event.target.value); } }, SPEEDS.map((value) => h('option', { value }, `${value}×`)));
  const squeeze = h('button', { type: 'button', 'aria-pressed': 'true', onclick: () => { squeezes = !squeezes; squeeze.setAttribute('aria-pressed', String(squeezes)); } }, 'Cut waits short');
  const bar = h('input', { type: 'range', min: 0, max: 1000, step: 1, value: 0, 'aria-label': 'Moment', oninput: () => seekTime(line.from_us + (Number(bar.value) / 1000) * (line.to_us - line.from_us)) });
  const chart = h('div', { class: 'marks' });
  place.replaceChildren(loading('the replay'));

  const current = () => windows?.row(at);
  function draw() {
    const event = current();
    if (list.chosen !== at) list.choose(at);
    if (!event) return;
    if (hasTerminal) screen.show(event.at_us + Math.min(waited, 1_000_000_000));
    bar.value = String(Math.round(((event.at_us - line.from_us) / Math.max(1, line.to_us - line.from_us)) * 1000));
    bar.setAttribute('aria-valuetext', `${moment(event.at_us)}, event ${count(at + 1)} of ${count(index.total)}`);
    now.textContent = `${time(event.at_us)} · ${span(Math.max(0, event.at_us - line.from_us))} of ${span(line.to_us - line.from_us)} · event ${count(at + 1)} of ${count(index.total)}`;
  }
  function say() {
    play.textContent = playing ? '❚❚' : '▶';
    play.setAttribute('aria-label', playing ? 'Pause' : 'Play');
    play.title = playing ? 'Pause' : 'Play';
    const event = current();
    // The moment stands in the address, without a page of its own in the history.
    if (!playing && event) history.replaceState(null, '', `#/${path}?at=${event.seq}`);
  }
  function goTo(row) { at = Math.max(0, Math.min(index.total - 1, row)); waited = 0; draw(); say(); }
  function toggle(next = !playing) {
    playing = next;
    if (playing && at + 1 >= index.total) at = 0;
    waited = 0;
    before = performance.now();
    say();
    if (playing) requestAnimationFrame(tick);
  }
  function tick(frame) {
    if (!playing || ended) return;
    waited += Math.max(0, frame - before) * 1000 * speed;
    before = frame;
    windows.row(Math.min(index.total - 1, at + index.every));
    for (let steps = 0; steps < AT_ONCE && at + 1 < index.total; steps += 1) {
      const [event, next] = [current(), windows.row(at + 1)];
      // What is not there yet is waited for, and time with it.
      if (!event || !next) { waited = 0; break; }
      const wait = next.at_us - event.at_us;
      const shown = squeezes ? Math.min(wait, LONGEST_WAIT) : wait;
      if (waited < shown) break;
      waited -= shown;
      at += 1;
    }
    draw();
    if (at + 1 >= index.total) { toggle(false); return; }
    requestAnimationFrame(tick);
  }

  /** The last row of those that `holds` is true for, in the window that begins before it. */
  async function seek(window_, holds) {
    const { first, events } = await windows.around(Math.max(0, window_) * index.every);
    goTo(first + Math.max(0, events.findLastIndex(holds)));
  }
  const seekSeq = (seq) => seek(index.seqs.findLastIndex((one) => one <= seq), (event) => event.seq <= seq);
  const seekTime = (micros) => seek(windows.clock.findLastIndex((one) => one <= micros), (event) => event.at_us <= micros);
  const seekBy = (seconds) => { const event = current(); if (event) { const to = event.at_us + seconds * 1e6; if (seconds > 0 && at + 1 < index.total && windows.row(at + 1)?.at_us > to) goTo(at + 1); else seekTime(to); } };
  async function mark(direction) {
    const event = current();
    if (!event) return;
    const ask = direction > 0 ? { session: id, after: event.seq, limit: 1 } : { session: id, before: event.seq, order: 'desc', limit: 1 };
    try {
      const found = (await Promise.all([{ kind: 'policy_decision', decision: 'deny' }, { kind: 'detection' }].map((what) => get('/events', { ...ask, ...what }, signal)))).flatMap((page) => page.events.map((one) => one.seq));
      if (found.length) seekSeq(direction > 0 ? Math.min(...found) : Math.max(...found)); else told.textContent = direction > 0 ? 'No refusal or detection comes behind this.' : 'There is no refusal or detection before this.';
    } catch (error) { if (error.name !== 'AbortError') told.textContent = error.message; }
  }
  const faster = (by) => { speed = SPEEDS[Math.max(0, Math.min(SPEEDS.length - 1, SPEEDS.indexOf(speed) + by))]; speeds.value = String(speed); };

  const keys = (pressed) => {
    if (!windows || pressed.ctrlKey || pressed.metaKey || pressed.altKey || pressed.target.closest('input, select, textarea, dialog[open]')) return;
    if (pressed.key === ' ' && pressed.target.closest('button, a, summary')) return;
    const does = { ' ': () => toggle(), ArrowRight: () => (pressed.shiftKey ? seekBy(10) : (toggle(false), goTo(at + 1))), ArrowLeft: () => (pressed.shiftKey ? seekBy(-10) : (toggle(false), goTo(at - 1))),
      n: () => mark(1), p: () => mark(-1), ']': () => faster(1), '[': () => faster(-1) }[pressed.key];
    if (does) { pressed.preventDefault(); does(); }
  };
  addEventListener('keydown', keys);

  async function load() {
    try {
      [index, line] = await Promise.all([get(`${own}/index`, { every: EVERY }, signal), get(`${own}/timeline`, { buckets: 240 }, signal)]);
      if (index.total === 0) { place.replaceChildren(empty('There is nothing to replay.')); return; }
      hasTerminal = await screen.begin();
      windows = new Windows(id, {}, index, signal, { changed: () => { list.draw(); draw(); }, failed: (error) => { told.textContent = error.message; } });
      chart.replaceChildren(marks(line));
      place.replaceChildren(h('div', { class: 'player', role: 'group', 'aria-label': 'Player' },
        h('div', { class: 'line' }, h('span', { class: 'buttons' }, button('⇤', 'To the first event', () => goTo(0)), button('←', 'One event back', () => { toggle(false); goTo(at - 1); }), play, button('→', 'One event on', () => { toggle(false); goTo(at + 1); }), button('⇥', 'To the last event', () => goTo(index.total - 1)),
          button('‹ !', 'To the refusal or detection before', () => mark(-1)), button('! ›', 'To the next refusal or detection', () => mark(1)), speeds, squeeze), now), bar, chart),
      h('div', { class: hasTerminal ? 'stage' : 'stage alone' }, hasTerminal ? h('section', { 'aria-label': 'What the terminal showed' }, screen.element, told) : h('p', { class: 'quiet' }, 'No terminal was recorded in this session.', told), h('section', { 'aria-label': 'Events' }, list.element)));
      list.setTotal(index.total);
      const from = Number(parameters.get('at'));
      if (from > 0) await seekSeq(from); else { await windows.around(0); goTo(0); }
    } catch (error) { if (error.name !== 'AbortError') place.replaceChildren(failed(error, load)); }
  }
  load();
  return () => { ended = true; playing = false; removeEventListener('keydown', keys); list.end(); windows?.end(); };
}

/** When something was refused or detected, beneath the bar. */
function marks({ buckets }) {
  const width = 960 / Math.max(1, buckets.length);
  const most = Math.max(1, ...buckets.map((bucket) => bucket.events));
  const high = (events) => (events === 0 ? 0 : Math.max(2, Math.sqrt(events / most) * 24));
  return s('svg', { viewBox: '0 0 960 26', preserveAspectRatio: 'none', role: 'img', 'aria-label': 'Events over time' }, buckets.map((bucket, at) => [
    bucket.events > 0 && s('rect', { class: 'all', x: at * width, width: Math.max(0.8, width - 0.6), y: 26 - high(bucket.events), height: high(bucket.events) }),
    bucket.refused > 0 && s('rect', { class: 'refused', x: at * width, width: Math.max(2, width - 0.6), y: 16, height: 10 }), bucket.detections > 0 && s('rect', { class: 'detected', x: at * width, width: Math.max(2, width - 0.6), y: 6, height: 10 })]));
}
