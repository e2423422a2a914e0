// All sessions, the newest first.
import { count, empty, failed, h, loading, moment, span, table } from './dom.js';
import { get } from './api.js';

export function sessions(body, _rest, parameters, go) {
  const stop = new AbortController();
  const state = parameters.get('state') ?? '';
  const words = (parameters.get('text') ?? '').toLowerCase();
  const set = (name, value) => { const next = new URLSearchParams(parameters); if (value) next.set(name, value); else next.delete(name); go('sessions', next); };
  const place = h('div', {}, loading('sessions'));
  body.append(h('h1', {}, 'Sessions'),
    h('form', { class: 'filters', role: 'search', 'aria-label': 'Filters', onsubmit: (event) => { event.preventDefault(); set('text', event.target.elements.text.value.trim()); } },
      h('label', { class: 'wide' }, 'Id, workspace or policy', h('input', { name: 'text', type: 'search', value: parameters.get('text') ?? '', 'data-search': true })),
      h('label', {}, 'State', h('select', { onchange: (event) => set('state', event.target.value) }, h('option', { value: '' }, 'any'), h('option', { value: 'running', selected: state === 'running' }, 'running'))),
      h('button', { class: 'main' }, 'Search')), place);
  const all = [];
  async function load(before) {
    try {
      const page = await get('/sessions', { limit: 200, before, state }, stop.signal);
      all.push(...page.sessions);
      draw(page.next);
    } catch (error) { if (error.name !== 'AbortError') place.replaceChildren(failed(error, () => { place.replaceChildren(loading('sessions')); load(before); })); }
  }
  function draw(next) {
    const found = all.filter((one) => !words || [one.id, one.workspace, one.policy, ...(one.labels ?? [])].some((text) => (text ?? '').toLowerCase().includes(words)));
    if (all.length === 0) { place.replaceChildren(empty(state ? 'No session runs now. ' : 'Nothing is recorded yet. ', h('code', {}, 'agentsh run -- CMD'), ' records a command.')); return; }
    const columns = [['Session'], ['State'], ['Began'], ['Took', 'number'], ['Workspace', 'path'], ['Policy'], ['Events', 'number'], ['Refused', 'number']];
    const rows = found.map((one) => [h('a', { class: 'mono', href: `#/session/${encodeURIComponent(one.id)}`, title: one.id }, one.id.length > 20 ? `${one.id.slice(0, 20)}…` : one.id),
      h('span', { class: `tag ${one.state === 'running' ? 'good' : ''}` }, one.state), moment(one.created_us), one.ended_us ? span(one.ended_us - one.created_us) : '–', one.workspace, one.policy,
      count(one.events), one.denied > 0 ? h('span', { class: 'tag bad' }, count(one.denied)) : '0']);
    place.replaceChildren(h('p', { class: 'quiet' }, `${count(found.length)} of ${count(all.length)} shown`, next ? ', there are older ones' : ''),
      found.length ? table('Sessions', columns, rows) : empty('No session matches.'), next ? h('p', {}, h('button', { type: 'button', onclick: () => load(next) }, 'Older sessions')) : '');
  }
  load();
  return () => stop.abort();
}
