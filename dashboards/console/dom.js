// Elements out of names, properties and children. Text is only ever a text node, with what cannot be seen written out.

// Controls, bidirectional controls, zero-width and other invisible characters, line and paragraph separators, private use, lone surrogates.
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0\ufe00-\ufe0f]/u;
const RUNS = new RegExp(`(${HIDDEN.source})`, 'u');
const NAMES = { '\n': '\\n', '\t': '\\t', '\r': '\\r', '\u001b': '\\e' };

export function escaped(character) {
  return NAMES[character] ?? `\\u{${character.codePointAt(0).toString(16)}}`;
}

/** A string that a recording brought, as nodes: what is invisible is shown as an escape. */
export function shown(value) {
  const text = value === null || value === undefined ? '' : String(value);
  if (!HIDDEN.test(text)) return [document.createTextNode(text)];
  return text.split(RUNS).filter((part) => part !== '').map((part) => {
    if (!HIDDEN.test(part)) return document.createTextNode(part);
    const mark = document.createElement('span');
    mark.className = 'esc';
    mark.textContent = escaped(part);
    return mark;
  });
}

/** The same as one string, for attributes. */
export function plain(value) {
  const text = value === null || value === undefined ? '' : String(value);
  return text.split(RUNS).map((part) => (part !== '' && HIDDEN.test(part) ? escaped(part) : part)).join('');
}

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, properties, children) {
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value') element.value = value;
    else element.setAttribute(name, value === true ? '' : plain(value));
  }
  for (const child of children.flat(3)) {
    if (child === undefined || child === null || child === false) continue;
    if (child instanceof Node) element.append(child);
    else element.append(...shown(child));
  }
  return element;
}

export const h = (name, properties, ...children) => fill(document.createElement(name), properties, children);
export const s = (name, properties, ...children) => fill(document.createElementNS(SVG, name), properties, children);

const NUMBER = new Intl.NumberFormat('en');
export const count = (number) => NUMBER.format(number ?? 0);

export function bytes(number) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let [value, unit] = [number ?? 0, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

const two = (number, width = 2) => String(number).padStart(width, '0');
export function time(micros) {
  const at = new Date(micros / 1000);
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${two(at.getMilliseconds(), 3)}`;
}
export function moment(micros) {
  if (micros === null || micros === undefined) return '–';
  const at = new Date(micros / 1000);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time(micros).slice(0, 8)}`;
}
export function span(micros) {
  const seconds = micros / 1e6;
  if (micros < 1000) return `${micros} µs`;
  if (seconds < 1) return `${(micros / 1000).toFixed(micros < 10_000 ? 2 : 0)} ms`;
  if (seconds < 60) return `${seconds.toFixed(2)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}

export const loading = (what) => h('p', { class: 'state', role: 'status' }, `Loading ${what} …`);
export const empty = (...what) => h('p', { class: 'state' }, ...what);
export function failed(error, again) {
  return h('div', { class: 'state bad', role: 'alert' }, h('p', {}, error.message ?? String(error)), again && h('button', { type: 'button', onclick: again }, 'Try again'));
}
export const facts = (pairs) => h('dl', { class: 'facts' }, pairs.filter(Boolean).map(([name, value, small]) => h('div', {}, h('dt', {}, name), h('dd', { class: small ? 'small' : null }, value))));
export function table(label, columns, rows) {
  return h('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': label }, h('table', {},
    h('thead', {}, h('tr', {}, columns.map(([name, kind]) => h('th', { scope: 'col', class: kind }, name)))),
    h('tbody', {}, rows.map((row) => h('tr', {}, row.map((cell, at) => h('td', { class: columns[at]?.[1] }, cell)))))));
}
