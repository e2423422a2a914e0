// Questions in SQL: ready ones and one's own; an answer as rows, as bars or a line, or as a file.
import { count, empty, failed, h, loading } from './dom.js';
import { get, post } from './api.js';
import { chart, fitting } from './chart.js';
import { grid } from './grid.js';

const MOST = 10_000;
const FIRST = 'SELECT kind, count(*) AS events FROM events GROUP BY kind ORDER BY events DESC';

export function sql(body, _rest, parameters, go) {
  const asked = parameters.get('q') ?? '';
  const stop = new AbortController();
  let running = null;
  const text = h('textarea', { 'aria-label': 'Question in SQL', spellcheck: 'false', autocapitalize: 'off', rows: 6, value: asked || FIRST });
  const place = h('div', {}, empty('Ask, or choose a question. There is one table ', h('code', {}, 'events'), ' and a view for each family; nothing can be changed from here.'));
  const ask = () => { const question = text.value.trim(); if (question) go('sql', new URLSearchParams({ q: question })); };
  const button = h('button', { type: 'button', class: 'main', onclick: () => (running ? running.abort() : ask()) }, 'Ask');
  const values = h('div', { class: 'filters' });
  const ready = h('select', { 'aria-label': 'Ready questions' }, h('option', { value: '' }, 'Ready questions …'));
  text.addEventListener('keydown', (event) => { if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(); } });
  const keys = (event) => { if (event.key === 'Escape' && running) running.abort(); };
  addEventListener('keydown', keys);
  body.append(h('h1', {}, 'SQL'), h('div', { class: 'line' }, ready), values, text, h('div', { class: 'line' }, h('span', {}, button, ' ', h('span', { class: 'quiet' }, 'or Ctrl+Enter')), h('a', { href: `#/sql?q=${encodeURIComponent('SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY table_name, ordinal_position')}` }, 'Tables and columns')), place);

  (async () => {
    try {
      const { questions } = await get('/questions', {}, stop.signal);
      ready.append(...questions.map((question, at) => h('option', { value: at }, question.title)));
      ready.addEventListener('change', () => { if (ready.value !== '') choose(questions[Number(ready.value)]); });
    } catch (error) { if (error.name !== 'AbortError') ready.replaceChildren(h('option', {}, 'The questions cannot be read')); }
  })();
  /** Puts a question into the editor, with a field for each value that it needs. */
  function choose(question) {
    const fields = question.parameters.map((one) => [one, h('input', { type: 'text', value: one.example, spellcheck: 'false', oninput: () => write() })]);
    const write = () => { text.value = fields.reduce((sql_, [{ name }, field]) => sql_.replaceAll(`:${name}`, () => `'${field.value.replaceAll("'", "''")}'`), question.sql); };
    values.replaceChildren(...fields.map(([{ about }, field]) => h('label', { class: 'wide' }, about, field)));
    write();
    if (fields.length === 0) ask(); else fields[0][1].focus();
  }

  async function run() {
    const began = performance.now();
    running = new AbortController();
    const signal = AbortSignal.any([stop.signal, running.signal]);
    button.textContent = 'Cancel';
    place.replaceChildren(loading('the answer'));
    try {
      const answer = await (await post('/query', { sql: asked, limit: MOST }, { signal })).json();
      draw(place, answer, asked);
    } catch (error) {
      if (stop.signal.aborted) return;
      if (error.name === 'AbortError') place.replaceChildren(empty(`The question was cancelled after ${((performance.now() - began) / 1000).toFixed(1)} s.`));
      else { place.replaceChildren(failed(error, error.position ? null : run)); if (error.position) point(error.position); }
    } finally { running = null; button.textContent = 'Ask'; }
  }
  /** Shows where in the question the fault is. */
  function point({ line, column }) {
    const lines = asked.split('\n');
    const faulty = lines[line - 1] ?? '';
    const before = [...faulty].slice(0, column - 1).join('');
    place.append(h('pre', { class: 'fault', tabindex: '0', 'aria-label': `Line ${line}, column ${column}` }, h('span', {}, `line ${line}, column ${column}`), h('br'), before, h('mark', {}, [...faulty].slice(column - 1).join('') || ' ')));
    const at = lines.slice(0, line - 1).reduce((all, one) => all + one.length + 1, 0) + before.length;
    text.focus();
    text.setSelectionRange(at, at + Math.max(1, faulty.slice(before.length).match(/^\w+/)?.[0].length ?? 1));
  }
  if (asked) run();
  return () => { stop.abort(); removeEventListener('keydown', keys); };
}

function link(name, value) {
  if (name === 'seq' && typeof value === 'number') return `#/event/${value}`;
  if (name === 'session_id') return `#/session/${encodeURIComponent(value)}`;
  return null;
}

function draw(place, { columns, rows, truncated, elapsed_ms }, asked) {
  const numeric = columns.map((_, at) => rows.some((row) => row[at] !== null) && rows.every((row) => row[at] === null || typeof row[at] === 'number'));
  const told = h('span', { class: 'quiet', role: 'status' }, `${count(rows.length)} ${rows.length === 1 ? 'row' : 'rows'} in ${count(elapsed_ms)} ms${truncated ? '; there are more, which a file has' : ''}`);
  const file = (name, ending, accept) => {
    const button = h('button', { type: 'button', onclick: async () => {
      try {
        const made = URL.createObjectURL(await (await post('/query', { sql: asked }, { accept })).blob());
        h('a', { href: made, download: `answer.${ending}` }).click();
        setTimeout(() => URL.revokeObjectURL(made), 10_000);
      } catch (problem) { told.textContent = problem.message; }
    } }, name);
    return button;
  };
  const fits = fitting(columns, rows, numeric);
  place.replaceChildren(h('div', { class: 'line' }, told, h('span', {}, file('CSV', 'csv', 'text/csv'), ' ', file('Parquet', 'parquet', 'application/vnd.apache.parquet'))),
    fits ? chart(columns, rows, fits) : '', rows.length === 0 ? empty('No row.') : grid('Answer', columns, rows, numeric, link));
}
