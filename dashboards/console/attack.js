// The matrix of ATT&CK: what was detected, and what a rule would detect. A technique leads to its detections.
import { count, facts, failed, h, loading } from './dom.js';
import { get, query } from './api.js';

export function attack(body, _rest, parameters) {
  const stop = new AbortController();
  const place = h('div', {});
  body.append(h('h1', {}, 'ATT&CK'), place);
  matrix(place, parameters.get('session') ?? undefined, stop.signal);
  return () => stop.abort();
}

export async function matrix(place, session, signal) {
  place.replaceChildren(loading('the matrix'));
  let found;
  try { found = await get('/attack', { session }, signal); } catch (error) { if (error.name !== 'AbortError') place.replaceChildren(failed(error, () => matrix(place, session, signal))); return; }
  const all = new Map(found.tactics.flatMap((tactic) => tactic.techniques).map((technique) => [technique.id, technique]));
  const seen = [...all.values()].filter((technique) => technique.count > 0);
  let everything = false;
  const grid = h('div', { class: 'matrix', role: 'group', 'aria-label': 'Matrix of ATT&CK' });
  // Five steps of heat, each some times the one before.
  const most = Math.max(1, ...seen.map((technique) => technique.count));
  const heat = (many) => `heat-${Math.max(1, Math.ceil((Math.log(many + 1) / Math.log(most + 1)) * 5))}`;
  const link = (id) => (session ? `#/session/${encodeURIComponent(session)}/events${query({ technique: id })}` : `#/live${query({ technique: id })}`);
  function draw() {
    grid.replaceChildren(...found.tactics.map((tactic) => h('section', {}, h('h2', {}, tactic.title),
      tactic.techniques.filter((technique) => everything || technique.count > 0 || technique.rules > 0).sort((a, b) => b.count - a.count || b.rules - a.rules).map((technique) => h('a', { href: link(technique.id), class: [technique.count > 0 && `seen ${heat(technique.count)}`, technique.rules > 0 && 'covered'].filter(Boolean).join(' '), title: `${technique.id} · ${technique.rules} rules` }, technique.count > 0 && h('b', {}, count(technique.count)), technique.name)))));
  }
  grid.addEventListener('keydown', (event) => {
    const columns = [...grid.querySelectorAll('section')].map((section) => [...section.querySelectorAll('a')]);
    const x = columns.findIndex((cells) => cells.includes(document.activeElement));
    if (x < 0) return;
    const y = columns[x].indexOf(document.activeElement);
    const along = (step) => { for (let to = x + step; to >= 0 && to < columns.length; to += step) if (columns[to].length > 0) return columns[to][Math.min(y, columns[to].length - 1)]; return null; };
    const next = { ArrowDown: () => columns[x][y + 1], ArrowUp: () => columns[x][y - 1], ArrowLeft: () => along(-1), ArrowRight: () => along(1) }[event.key]?.();
    if (next) { event.preventDefault(); next.focus(); }
  });
  const all_ = h('button', { type: 'button', 'aria-pressed': 'false', onclick: () => { everything = !everything; all_.setAttribute('aria-pressed', String(everything)); draw(); } }, 'Show techniques without rules too');
  draw();
  place.replaceChildren(facts([['Version', `v${found.version}`], ['Techniques', count(all.size)], ['With a rule', count([...all.values()].filter((technique) => technique.rules > 0).length)], ['Detected', count(seen.length)]]),
    h('div', { class: 'line' }, h('span', {}, h('span', { class: 'key' }, [1, 2, 3, 4, 5].map((step) => h('i', { class: `heat-${step}` })), 'detected, with how often'), h('span', { class: 'quiet' }, 'a bar at the left: a rule would detect it')), all_),
    seen.length > 0 ? h('p', { class: 'found', 'aria-label': 'Detected' }, seen.sort((a, b) => b.count - a.count).slice(0, 40).map((technique) => [h('a', { class: `tag ${heat(technique.count)}`, href: link(technique.id) }, `${technique.id} ${technique.name} `, h('b', {}, count(technique.count))), ' '])) : '', grid);
}
