// Whether the journal is what was recorded: as far as it was checked, and no further.
import { count, empty, facts, failed, h, loading, moment, span } from './dom.js';
import { get } from './api.js';

export function integrity(body) {
  const stop = new AbortController();
  const place = h('div', {}, loading('how the journal stands'));
  let again = null;
  body.append(h('h1', {}, 'Integrity'), place);
  async function load() {
    try {
      const found = await get('/integrity', {}, stop.signal);
      place.replaceChildren(...draw(found));
      if (found.running) again = setTimeout(load, 1_000);
    } catch (error) { if (error.name !== 'AbortError') place.replaceChildren(failed(error, load)); }
  }
  load();
  return () => { stop.abort(); clearTimeout(again); };
}

function draw({ size, checkpoint, lost, differences, running, last, journal_id, public_key, now_us }) {
  const words = { whole: ['good', 'whole, as far as it was read'], damaged: ['bad', 'not what was recorded'], failed: ['bad', 'could not be verified'] };
  const state = last
    ? h('p', {}, h('span', { class: `tag ${words[last.result][0]}` }, words[last.result][1]), ` ${count(last.events)} of ${count(size)} events were verified ${span(Math.max(0, now_us - last.time_us))} ago, in ${span(last.took_us)}.`,
      last.result === 'whole' && (last.signed_to < last.events ? ` A signed checkpoint covers them up to ${count(last.signed_to)}; what stands behind it has no signature yet.` : ' A signed checkpoint covers them all.'))
    : h('p', {}, h('span', { class: 'tag warn' }, 'not verified'), ' Nothing was verified since the server was started.');
  return [
    state, running ? h('p', { role: 'status' }, running.all > 0 ? `A verification runs: ${count(running.read)} of ${count(running.all)} events.` : 'A verification begins.') : '',
    last && last.findings.length > 0 ? h('div', { class: 'state bad' }, h('p', {}, `${count(last.finding_count)} findings`), h('ul', {}, last.findings.map((text) => h('li', {}, text)))) : '',
    facts([['Events', count(size)], ['Declared lost', lost > 0 ? h('span', { class: 'tag bad' }, count(lost)) : '0'], checkpoint && ['Signed up to', count(checkpoint.tree_size)], checkpoint && ['Behind it', count(checkpoint.unsigned)], last && ['Checkpoints in order', count(last.checkpoints)]]),
    differences.length > 0 ? h('div', { class: 'state bad' }, differences.map((text) => h('p', {}, text))) : '',
    h('h2', {}, 'Newest checkpoint'),
    checkpoint ? h('dl', { class: 'pairs' }, h('dt', {}, 'signed'), h('dd', {}, moment(checkpoint.time_us)), h('dt', {}, 'root'), h('dd', {}, checkpoint.root), last?.root && [h('dt', {}, 'root as verified'), h('dd', {}, `${last.root} (of ${count(last.events)} events)`)], h('dt', {}, 'journal'), h('dd', {}, journal_id ?? '–'), h('dt', {}, 'public key'), h('dd', {}, public_key ?? '–'))
      : empty('There is no checkpoint yet.'),
    checkpoint && h('details', {}, h('summary', {}, 'The note, to keep elsewhere'), h('pre', { tabindex: '0' }, checkpoint.note.split('\n').map((line, at) => (at === 0 ? [line] : [h('br'), line])))),
    h('p', { class: 'quiet' }, 'The same from the command line, with a checkpoint that was kept elsewhere: ', h('code', {}, 'agentsh verify --checkpoint FILE')),
  ].filter((part) => part !== null && part !== undefined && part !== false);
}
