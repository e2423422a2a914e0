// An answer as bars or as a line, where its columns fit.
import { count, h, s } from './dom.js';
import { textOf } from './grid.js';

const BARS = 40;
const POINTS = 2_000;
const HIGH = 22;

const isTime = (type) => /timestamp|date/i.test(type);
const number = (value) => (value === null ? null : Number(value));

/** What can be drawn: `{ labels, values, line }` as places of columns, or null. */
export function fitting(columns, rows, numeric) {
  const values = columns.map((_, at) => at).filter((at) => numeric[at] && !/^(seq|pid|ppid|port|uid)$/.test(columns[at].name));
  const times = columns.map((_, at) => at).filter((at) => isTime(columns[at].type));
  const labels = columns.map((_, at) => at).filter((at) => !numeric[at] && !isTime(columns[at].type));
  if (rows.length < 2 || values.length === 0 || (times.length === 0 && labels.length === 0)) return null;
  return { labels: [...labels, ...times], values, line: times[0] ?? null };
}

/** The chart with its choices. */
export function chart(columns, rows, fits) {
  let kind = fits.line !== null && fits.labels.length === 1 ? 'line' : 'bars';
  let [label, value] = [fits.labels[0], fits.values[0]];
  const place = h('div', { class: 'chart' });
  const choose = (name, all, then, now) => h('label', { class: 'quiet' }, `${name} `, h('select', { onchange: (event) => { then(event.target.value); draw(); } }, all.map(([key, title]) => h('option', { value: key, selected: String(key) === String(now) }, title))));
  function draw() { place.replaceChildren(kind === 'none' ? '' : kind === 'line' ? line(columns, rows, fits.line, value) : bars(columns, rows, label, value)); }
  draw();
  return h('section', { 'aria-label': 'Chart' }, h('div', { class: 'line' }, h('span', { class: 'choices' },
    choose('Chart', [['bars', 'bars'], ...(fits.line === null ? [] : [['line', 'line over time']]), ['none', 'none']], (to) => { kind = to; }, kind),
    choose('of', fits.values.map((at) => [at, columns[at].name]), (to) => { value = Number(to); }, value),
    fits.labels.length > 1 && choose('by', fits.labels.map((at) => [at, columns[at].name]), (to) => { label = Number(to); }, label))), place);
}

function bars(columns, rows, label, value) {
  const data = rows.slice(0, BARS).map((row) => [textOf(row[label]), number(row[value]) ?? 0]);
  const most = Math.max(1e-9, ...data.map(([, many]) => many));
  const name = `${columns[value].name} by ${columns[label].name}: ${data.length}${rows.length > BARS ? ` of ${count(rows.length)}` : ''} bars, at most ${count(most)}`;
  return h('figure', {}, s('svg', { class: 'bars', viewBox: `0 0 960 ${data.length * HIGH}`, role: 'img', 'aria-label': name }, data.map(([text, many], at) => [
    s('text', { x: 290, y: at * HIGH + 15, 'text-anchor': 'end' }, text.length > 42 ? `${text.slice(0, 20)}…${text.slice(-20)}` : text),
    s('rect', { x: 298, y: at * HIGH + 3, height: HIGH - 6, width: Math.max(1, (Math.max(0, many) / most) * 560) }), s('text', { x: 304 + (Math.max(0, many) / most) * 560, y: at * HIGH + 15 }, count(many))])),
  h('figcaption', { class: 'quiet' }, name));
}

function line(columns, rows, at, value) {
  const when = (text) => (typeof text === 'number' ? text : Date.parse(text));
  const all = rows.map((row) => [when(row[at]), number(row[value])]).filter(([x, y]) => Number.isFinite(x) && y !== null).sort((a, b) => a[0] - b[0]);
  // Every so many-th point, where there are more than can be told apart.
  const every = Math.ceil(all.length / POINTS);
  const data = all.filter((_, place) => place % every === 0);
  if (data.length < 2) return h('p', { class: 'state' }, 'There are too few points for a line.');
  const [first, last] = [data[0][0], data.at(-1)[0]];
  const most = Math.max(1e-9, ...data.map(([, y]) => y));
  const x = (time) => 60 + ((time - first) / Math.max(1, last - first)) * 880;
  const y = (many) => 190 - (Math.max(0, many) / most) * 170;
  const name = `${columns[value].name} over ${columns[at].name}: ${count(data.length)} points, at most ${count(most)}`;
  const day = (time) => new Date(time).toISOString().slice(0, 16).replace('T', ' ');
  return h('figure', {}, s('svg', { class: 'curve', viewBox: '0 0 960 220', role: 'img', 'aria-label': name },
    [0, 0.5, 1].map((part) => [s('line', { class: 'rule', x1: 60, x2: 940, y1: y(most * part), y2: y(most * part) }), s('text', { x: 52, y: y(most * part) + 4, 'text-anchor': 'end' }, count(Math.round(most * part * 100) / 100))]),
    s('polyline', { points: data.map(([time, many]) => `${x(time).toFixed(1)},${y(many).toFixed(1)}`).join(' ') }), data.length <= 60 && data.map(([time, many]) => s('circle', { cx: x(time), cy: y(many), r: 3 })),
    s('text', { x: 60, y: 212 }, `${day(first)} UTC`), s('text', { x: 940, y: 212, 'text-anchor': 'end' }, `${day(last)} UTC`)), h('figcaption', { class: 'quiet' }, name));
}
