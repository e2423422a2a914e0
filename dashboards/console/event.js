// One event: all of it, the verdict, what led to it and what it led to.
import { failed, h, loading, moment, time } from './dom.js';
import { get } from './api.js';
import { subjectOf, verb, verdictOf } from './events.js';

const flat = (value) => (value !== null && typeof value === 'object' ? JSON.stringify(value) : String(value));
const pairs = (object) => h('dl', { class: 'pairs' }, Object.entries(object).filter(([, value]) => value !== null && value !== undefined).map(([name, value]) => [h('dt', {}, name), h('dd', {}, flat(value))]));

export function event(body, [seq]) {
  const stop = new AbortController();
  const place = h('div', {}, loading('the event'));
  body.append(place);
  async function load() {
    try {
      const { event: one, decision } = await get(`/events/${encodeURIComponent(seq)}`, {}, stop.signal);
      const { payload, actor, ...envelope } = one;
      const raw = JSON.stringify(one, null, 2);
      const verdict = verdictOf(decision ?? one);
      const copy = h('button', { type: 'button', onclick: async () => { try { await navigator.clipboard.writeText(raw); copy.textContent = 'Copied'; } catch { copy.textContent = 'The browser does not let it'; } } }, 'Copy JSON');
      place.replaceChildren(
        h('div', { class: 'line' }, h('h1', {}, `${verb(one)} `, h('span', { class: 'quiet' }, `event ${one.seq}`)), verdict && h('span', { class: `tag ${verdict.tone}` }, verdict.text)),
        h('p', { class: 'mono' }, subjectOf(one)),
        h('p', { class: 'quiet' }, `${moment(one.time_us)} (${time(one.time_us)})`, one.session_id ? [' · session ', h('a', { href: `#/session/${encodeURIComponent(one.session_id)}` }, one.session_id), ' · ', h('a', { href: `#/session/${encodeURIComponent(one.session_id)}/replay?at=${one.seq}` }, 'replay from here')] : ''),
        h('div', { class: 'columns' },
          h('section', {}, h('h2', {}, 'What'), pairs(payload), decision && [h('h2', {}, 'Verdict'), pairs(decision.payload), h('p', {}, h('a', { href: `#/event/${decision.seq}` }, `event ${decision.seq}`))]),
          h('section', {}, actor && [h('h2', {}, 'By whom'), pairs(actor)], h('h2', {}, 'Envelope'), pairs(envelope))),
        h('p', { class: 'line' }, h('span', {}, one.seq > 1 && h('a', { href: `#/event/${one.seq - 1}` }, '← the event before'), ' ', h('a', { href: `#/event/${one.seq + 1}` }, 'the next event →')), copy),
        h('details', {}, h('summary', {}, 'JSON'), h('pre', { tabindex: '0' }, raw.split('\n').map((line, at) => (at === 0 ? [line] : [h('br'), line])))));
    } catch (error) { if (error.name !== 'AbortError') place.replaceChildren(failed(error, load)); }
  }
  load();
  return () => stop.abort();
}
