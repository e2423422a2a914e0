// One session: what it was, when what happened, all its events, processes, files, network.
import { bytes, count, empty, facts, failed, h, loading, moment, span, table } from './dom.js';
import { get, query, remove } from './api.js';
import { chosen, filterForm } from './filters.js';
import { EventList } from './list.js';
import { timeline } from './timeline.js';
import { matrix } from './attack.js';
import { replay } from './replay.js';
import { mayOperate } from './who.js';
import { EVERY, Windows } from './windows.js';

const TABS = [['events', 'Events'], ['replay', 'Replay'], ['processes', 'Processes'], ['files', 'Files'], ['network', 'Network'], ['attack', 'ATT&CK']];
const SHOWN = 2_000;

export function session(body, [id, tab = 'events'], parameters, go) {
  const stop = new AbortController();
  const head = h('div', {}, loading('the session'));
  const place = h('div', {});
  let end = () => {};
  const base = `session/${encodeURIComponent(id)}`;
  body.append(head, h('nav', { class: 'tabs', 'aria-label': 'Of this session' }, TABS.map(([name, title]) => h('a', { href: `#/${base}/${name}`, 'aria-current': name === tab ? 'page' : null }, title))), place);
  async function load() {
    try { summary(head, await get(`/sessions/${encodeURIComponent(id)}`, {}, stop.signal), load); } catch (error) { if (error.name !== 'AbortError') head.replaceChildren(failed(error, load)); }
  }
  load();
  const view = { events: () => eventsOf(place, id, parameters, go, `${base}/events`, stop.signal), processes: () => fetched('tree', 'processes', tree), files: () => fetched('files', 'files', files), network: () => fetched('network', 'hosts', network),
    attack: () => { matrix(place, id, stop.signal); }, replay: () => replay(place, id, parameters, `${base}/replay`, stop.signal) }[tab];
  async function fetched(name, what, draw) {
    place.replaceChildren(loading(what));
    try { place.replaceChildren(draw(await get(`/sessions/${encodeURIComponent(id)}/${name}`, {}, stop.signal), id)); } catch (error) { if (error.name !== 'AbortError') place.replaceChildren(failed(error, () => fetched(name, what, draw))); }
  }
  if (view) { const made = view(); if (typeof made === 'function') end = made; } else place.append(empty('There is no such view.'));
  return () => { stop.abort(); end(); };
}

function summary(head, one, again) {
  const told = h('span', { class: 'quiet', role: 'status' });
  const end = async () => { try { await remove(`/sessions/${encodeURIComponent(one.id)}`); again(); } catch (error) { told.textContent = error.message; } };
  // Asked twice, since it ends what runs.
  const ending = h('button', { type: 'button', onclick: () => ending.replaceWith(h('span', {}, 'End it, and every command that runs in it? ', h('button', { type: 'button', class: 'main', onclick: end }, 'End the session'), ' ', h('button', { type: 'button', onclick: again }, 'No'))) }, 'End session');
  head.replaceChildren(
    h('div', { class: 'line' }, h('div', {}, h('h1', { class: 'mono' }, one.id), h('span', { class: `tag ${one.state === 'running' ? 'good' : ''}` }, one.end_reason ? `${one.state}: ${one.end_reason}` : one.state)),
      h('span', {}, told, ' ', h('a', { href: `/api/v1/sessions/${encodeURIComponent(one.id)}/report?format=html`, target: '_blank', rel: 'noopener' }, 'Report'), ' ', one.state === 'running' && mayOperate() && ending)),
    facts([['Events', count(one.events)], ['Decisions', count(one.decisions)], ['Refused', one.denied > 0 ? h('span', { class: 'tag bad' }, count(one.denied)) : '0'],
      ['Began', moment(one.created_us), true], one.ended_us && ['Took', span(one.ended_us - one.created_us), true], ['Workspace', one.workspace || '–', true], ['Policy', one.policy || '–', true], ['Positions', `${one.first_seq} – ${one.last_seq}`, true]]));
}

function eventsOf(place, id, parameters, go, path, signal) {
  const filter = chosen(parameters, ['session']);
  let windows = null;
  const told = h('span', { class: 'quiet', role: 'status' }, 'Loading …');
  const chart = h('div', {});
  const list = new EventList('Events of the session', { row: (at) => windows?.row(at) }, (event) => go(`event/${event.seq}`));
  const zoomed = parameters.get('since') || parameters.get('until');
  const zoom = (from, to) => { const next = new URLSearchParams(parameters); if (from === null) { next.delete('since'); next.delete('until'); } else { next.set('since', from); next.set('until', to); } go(path, next); };
  place.replaceChildren(filterForm(parameters, (next) => go(path, next)), chart,
    h('div', { class: 'line' }, told, h('span', {}, zoomed && h('button', { type: 'button', onclick: () => zoom(null) }, 'Show all of the time'), ' ',
      h('a', { href: `#/live${query({ ...filter, session: id })}` }, 'Watch live'))), list.element);

  async function load() {
    chart.replaceChildren(loading('the timeline'));
    const at = `/sessions/${encodeURIComponent(id)}`;
    try {
      const line = get(`${at}/timeline`, { ...filter, buckets: 240 }, signal);
      line.catch(() => {});
      const index = await get(`${at}/index`, { ...filter, every: EVERY }, signal);
      told.textContent = `${count(index.total)} ${index.total === 1 ? 'event' : 'events'}${Object.keys(filter).length ? ' match' : ''}`;
      if (index.total === 0) { chart.replaceChildren(empty('No event matches.')); list.element.hidden = true; return; }
      windows = new Windows(id, filter, index, signal, { changed: () => list.draw(), failed: (error) => { told.textContent = error.message; } });
      list.setTotal(index.total);
      const toTime = (bucket) => { const window_ = index.seqs.findLastIndex((seq) => seq <= bucket.first_seq); list.toRow(Math.max(0, window_) * index.every); };
      chart.replaceChildren(timeline(await line, zoom, toTime));
    } catch (error) { if (error.name !== 'AbortError') { told.textContent = ''; chart.replaceChildren(failed(error, load)); } }
  }
  load();
  return () => { list.end(); windows?.end(); };
}

function tree({ processes, roots }, id) {
  if (processes.length === 0) return empty('No process was seen.');
  let left = SHOWN;
  const link = (one) => `#/session/${encodeURIComponent(id)}/events?pid=${one.pid}`;
  function item(place, depth) {
    const one = processes[place];
    if (!one || left <= 0) return null;
    left -= 1;
    const run = one.runs?.at(-1);
    const what = run ? (run.command_line ?? run.argv?.join(' ') ?? run.path) : (one.forked_from ? `${one.forked_from} (forked)` : 'unknown');
    const ended = one.exit ? (one.exit.signal ?? `exit ${one.exit.code}`) : 'no end seen';
    const children = depth < 40 ? (one.children ?? []).map((child) => item(child, depth + 1)).filter(Boolean) : [];
    return h('li', {}, h('a', { href: link(one) }, String(one.pid)), ' ', h('span', { class: 'what' }, what), ' ', h('span', { class: `tag ${one.exit && (one.exit.signal || one.exit.code !== 0) ? 'warn' : ''}` }, ended), ' ',
      one.refused > 0 && h('span', { class: 'tag bad' }, `${count(one.refused)} refused`), ' ', (one.detections ?? []).map((found) => [h('a', { class: 'tag warn', href: `#/event/${found.seq}` }, `${found.title} (${found.level})`), ' ']),
      h('span', { class: 'quiet' }, `${count(one.operations)} operations`), children.length > 0 && h('ul', {}, children));
  }
  const list = h('ul', { class: 'tree' }, roots.map((root) => item(root, 0)));
  return h('section', { 'aria-label': 'Processes' }, h('p', { class: 'quiet' }, `${count(processes.length)} processes${processes.length > SHOWN ? `, the first ${count(SHOWN)} shown` : ''}`), list);
}

function files({ changes, transient }, id) {
  const told = h('p', { class: 'quiet' }, `${count(changes.length)} files are not as before; ${count(transient)} were made and removed again.${changes.length > SHOWN ? ` The first ${count(SHOWN)} are shown.` : ''}`);
  if (changes.length === 0) return h('div', {}, told, empty('No file was changed.'));
  const tone = { created: 'good', modified: 'warn', renamed: '', metadata: '', deleted: 'bad' };
  const size = (value) => (value === null || value === undefined ? '–' : bytes(value));
  return h('div', {}, told, table('Files', [['Change'], ['Path', 'path'], ['Before', 'number'], ['After', 'number'], ['By', 'path'], ['Events', 'number']],
    changes.slice(0, SHOWN).map((one) => [h('span', { class: `tag ${tone[one.change]}` }, one.change), h('a', { href: `#/session/${encodeURIComponent(id)}/events${query({ path: one.path })}` }, one.from && one.from !== one.path ? `${one.from} → ${one.path}` : one.path), size(one.size_before), size(one.size_after), (one.programs ?? []).join(', '), count(one.steps)])));
}

function network({ hosts }, id) {
  if (hosts.length === 0) return empty('The session had to do with no host.');
  return table('Hosts', [['Host', 'path'], ['Ports'], ['Sent', 'number'], ['Received', 'number'], ['Connections', 'number'], ['Requests', 'number'], ['Lookups', 'number'], ['Refused', 'number'], ['By', 'path']],
    hosts.slice(0, SHOWN).map((one) => [h('a', { href: `#/session/${encodeURIComponent(id)}/events${query({ host: one.host })}` }, one.host || '(others)'), one.ports.join(', '), bytes(one.bytes_sent), bytes(one.bytes_received), count(one.connections), count(one.requests), count(one.lookups), one.refused > 0 ? h('span', { class: 'tag bad' }, count(one.refused)) : '0', one.programs.join(', ')]));
}
