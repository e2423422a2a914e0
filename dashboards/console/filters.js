// The filters of events: a form whose values stand in the address, so that what is seen can be shared.
import { h } from './dom.js';
import { DECISIONS, FAMILIES, SEVERITIES } from './events.js';

const FIELDS = [['text', 'Text', 'wide'], ['family', 'Family', FAMILIES], ['decision', 'Verdict', DECISIONS], ['severity', 'At least', SEVERITIES], ['technique', 'Technique']];
const MORE = [['kind', 'Kind'], ['path', 'Path or glob', 'wide'], ['host', 'Host'], ['command', 'Command'], ['pid', 'Process id'], ['rule', 'Rule'], ['where', 'Expression (CEL)', 'wide']];
export const NAMES = [...FIELDS, ...MORE].map(([name]) => name).concat('session', 'since', 'until');

export const chosen = (parameters, leave = []) => Object.fromEntries(NAMES.filter((name) => !leave.includes(name) && parameters.get(name)).map((name) => [name, parameters.get(name)]));

/** The form; `go` gets the parameters when it is sent or a choice is made. */
export function filterForm(parameters, go) {
  const field = ([name, label, what]) => {
    const value = parameters.get(name) ?? '';
    const input = Array.isArray(what)
      ? h('select', { name, onchange: () => send() }, h('option', { value: '' }, 'any'), what.map((word) => h('option', { value: word, selected: word === value }, word.replaceAll('_', ' '))))
      : h('input', { name, type: 'search', value, autocomplete: 'off', spellcheck: 'false', 'data-search': name === 'text' });
    return h('label', { class: what === 'wide' ? 'wide' : null }, label, input);
  };
  const form = h('form', { class: 'filters', role: 'search', 'aria-label': 'Filters', onsubmit: (event) => { event.preventDefault(); send(); } }, FIELDS.map(field),
    h('button', { type: 'submit', class: 'main' }, 'Filter'),
    h('button', { type: 'button', onclick: () => { for (const one of form.elements) if (one.name) one.value = ''; send(true); } }, 'Clear'),
    h('details', { open: MORE.some(([name]) => parameters.get(name)) }, h('summary', {}, 'More filters'), h('div', { class: 'filters' }, MORE.map(field))));
  function send(all) {
    const next = new URLSearchParams(all ? undefined : parameters);
    for (const one of form.elements) if (one.name) { if (one.value.trim()) next.set(one.name, one.value.trim()); else next.delete(one.name); }
    go(next);
  }
  return form;
}
