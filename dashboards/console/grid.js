// The rows of an answer, however many: only those that can be seen are in the page.
import { h } from './dom.js';

const HIGH = 26;
const LEAST = 8;
const WIDEST = 48;

export const textOf = (value) => (value === null || value === undefined ? 'null' : typeof value === 'object' ? JSON.stringify(value) : String(value));

/** `link(column, value)` gives an address or null. Returns the element. */
export function grid(label, columns, rows, numeric, link) {
  const widths = columns.map(({ name }, at) => Math.min(WIDEST, Math.max(LEAST, name.length + 3, ...rows.slice(0, 200).map((row) => textOf(row[at]).length + 3))));
  const across = widths.map((width) => `minmax(${width}ch, ${width}fr)`).join(' ');
  const shown = new Map();
  let [chosen, asked] = [-1, false];
  const cells = (made, content) => { made.style.gridTemplateColumns = across; made.append(...content); return made; };
  const head = cells(h('div', { class: 'grid-head', role: 'row', 'aria-rowindex': 1 }), columns.map(({ name, type }, at) => h('span', { role: 'columnheader', title: type, class: numeric[at] ? 'number' : null }, name)));
  const pad = h('div', { class: 'pad', role: 'rowgroup' });
  pad.style.height = `${rows.length * HIGH}px`;
  const element = h('div', { class: 'grid', role: 'grid', tabindex: '0', 'aria-label': label, 'aria-rowcount': rows.length + 1, 'aria-colcount': columns.length }, h('div', { role: 'rowgroup', class: 'grid-top' }, head), pad);
  pad.style.minWidth = head.style.minWidth = `${widths.reduce((all, width) => all + width, 0)}ch`;

  const cell = (value, at) => {
    const to = value === null ? null : link(columns[at].name, value);
    return h('span', { role: 'gridcell', title: textOf(value).slice(0, 500), class: [numeric[at] && 'number', value === null && 'quiet'].filter(Boolean).join(' ') || null }, to ? h('a', { href: to, tabindex: '-1' }, textOf(value)) : textOf(value));
  };
  function draw() {
    asked = false;
    const first = Math.max(0, Math.floor(element.scrollTop / HIGH) - 4);
    const last = Math.min(rows.length, Math.ceil((element.scrollTop + element.clientHeight) / HIGH) + 4);
    for (const [at, row] of shown) if (at < first || at >= last) { row.remove(); shown.delete(at); }
    for (let at = first; at < last; at += 1) {
      let row = shown.get(at);
      if (!row) {
        row = cells(h('div', { class: 'grid-row', role: 'row', id: `answer-${at}`, 'aria-rowindex': at + 2, onclick: (event) => { chosen = at; draw(); if (!event.target.closest('a')) whole(); } }), rows[at].map(cell));
        row.style.transform = `translateY(${at * HIGH}px)`;
        shown.set(at, row);
        pad.append(row);
      }
      row.setAttribute('aria-selected', String(at === chosen));
    }
    if (shown.has(chosen)) element.setAttribute('aria-activedescendant', `answer-${chosen}`); else element.removeAttribute('aria-activedescendant');
  }
  const later = () => { if (!asked) { asked = true; requestAnimationFrame(draw); } };
  /** All of one row. */
  function whole() {
    const box = h('dialog', { 'aria-label': `Row ${chosen + 1}` }, h('dl', { class: 'pairs' }, columns.map(({ name }, at) => {
      const value = rows[chosen][at];
      const to = value === null ? null : link(name, value);
      return [h('dt', {}, name), h('dd', {}, to ? h('a', { href: to, onclick: () => box.close() }, textOf(value)) : textOf(value))];
    })), h('form', { method: 'dialog' }, h('button', { class: 'main' }, 'Close')));
    box.addEventListener('close', () => { box.remove(); element.focus({ preventScroll: true }); });
    document.body.append(box);
    box.showModal();
  }
  element.addEventListener('scroll', later, { passive: true });
  element.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(element.clientHeight / HIGH) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    if (event.key === 'Enter' && chosen >= 0) whole();
    else if (event.key in steps && rows.length > 0 && !event.ctrlKey) {
      chosen = Math.min(rows.length - 1, Math.max(0, (chosen < 0 ? -1 : chosen) + steps[event.key]));
      const [top, room] = [chosen * HIGH, element.clientHeight - 2 * HIGH];
      if (top < element.scrollTop) element.scrollTop = top; else if (top > element.scrollTop + room) element.scrollTop = top - room;
      draw();
    } else return;
    event.preventDefault();
  });
  new ResizeObserver(later).observe(element);
  return element;
}
