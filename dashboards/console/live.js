// Events as they are recorded. The list keeps the newest 20,000.
import { count, failed, h } from './dom.js';
import { get, live as follow } from './api.js';
import { chosen, filterForm } from './filters.js';
import { EventList } from './list.js';

const KEPT = 20_000;
const BEFORE = 200;

export function live(body, _rest, parameters, go) {
  const filter = chosen(parameters);
  const events = [];
  const held = [];
  let [paused, seen, dropped, end] = [false, 0, 0, () => {}];
  const stop = new AbortController();
  const list = new EventList('Live events', { row: (at) => events[at] }, (event) => go(`event/${event.seq}`));
  const state = h('span', { class: 'tag', role: 'status' }, 'connecting');
  const told = h('span', { class: 'quiet' });
  const button = h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => pause(!paused) }, 'Pause');
  body.append(h('h1', {}, 'Live'), filterForm(parameters, (next) => go('live', next)), h('div', { class: 'line' }, h('div', {}, state, ' ', told), button), list.element);

  function tell() { told.textContent = `${count(seen)} events since the page was opened${held.length ? `, ${count(held.length)} wait` : ''}${dropped ? `; the list keeps the newest ${count(KEPT)}` : ''}`; }
  function pause(next) {
    paused = next;
    button.textContent = paused ? 'Go on' : 'Pause';
    button.setAttribute('aria-pressed', String(paused));
    if (!paused) add(held.splice(0));
    tell();
  }
  function add(more) {
    const follows = list.atEnd;
    events.push(...more);
    const over = events.length - KEPT;
    if (over > 0) { events.splice(0, over); dropped += over; list.shift(over); }
    list.setTotal(events.length);
    if (follows) list.toEnd();
  }
  function take(more) {
    seen += more.length;
    if (paused) { held.push(...more); if (held.length > KEPT) { dropped += held.length - KEPT; held.splice(0, held.length - KEPT); } }
    else add(more);
    tell();
  }
  const keys = (pressed) => { if (pressed.key === ' ' && !pressed.target.closest('input, select, button, textarea, a')) { pressed.preventDefault(); pause(!paused); } };
  addEventListener('keydown', keys);
  async function begin() {
    try {
      // What came last, then everything behind it: the page says where that is, so that nothing falls between.
      const page = await get('/events', { ...filter, order: 'desc', limit: BEFORE }, stop.signal);
      add(page.events.reverse());
      list.toEnd();
      const words = { live: ['live', 'good'], lost: ['connection lost', 'bad'], refused: ['refused', 'bad'] };
      end = follow(filter, page.head, { take, missing: (gap) => { state.textContent = `events ${gap.from_seq} to ${gap.to_seq} are not kept any more`; },
        state: (name, error) => { [state.textContent] = words[name]; state.className = `tag ${words[name][1]}`; if (error) told.textContent = error.message; } });
      tell();
    } catch (error) { if (error.name !== 'AbortError') { state.textContent = 'failed'; list.element.before(failed(error, () => go('live', parameters))); } }
  }
  begin();
  return () => { stop.abort(); end(); list.end(); removeEventListener('keydown', keys); };
}
