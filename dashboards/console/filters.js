// The filters of events: a form whose values stand in the address, so that what is seen can be shared.
import { h } from './dom.js';
import { DECISIONS, FAMILIES, SEVERITIES } from './events.js';

const FIELDS = [
  ['text', 'Text', 'wide'], ['family', 'Family', FAMILIES], ['decision', 'Verdict', DECISIONS], ['kind', 'Kind'],
  ['path', 'Path or glob', 'wide'], ['host', 'Host'], ['pid', 'Process id'], ['technique', 'Technique'], ['rule', 'Rule'], ['severity', 'At least', SEVERITIES],
];
export const NAMES = [...FIELDS.map(([name]) => name), 'session', 'since', 'until', 'command', 'where'];

export const chosen = (parameters, leave = []) => Object.fromEntries(NAMES.filter((name) => !leave.includes(name) && parameters.get(name)).map((name) => [name, parameters.get(name)]));

/** The form; `go` gets the parameters when it is sent or a choice is made. */
export function filterForm(parameters, go, fields) {
  const shownFields = FIELDS.filter(([name]) => !fields || fields.includes(name));
  const form = h('form', { class: 'filters', role: 'search', 'aria-label': 'Filters', onsubmit: (event) => { event.preventDefault(); send(); } },
    shownFields.map(([name, label, what]) => {
      const value = parameters.get(name) ?? '';
      const input = Array.isArray(what)
        ? h('select', { name, onchange: () => send() }, h('option', { value: '' }, 'any'), what.map((word) => h('option', { value: word, selected: word === value }, word.replaceAll('_', ' '))))
        : h('input', { name, type: 'search', value, autocomplete: 'off', spellcheck: 'false', 'data-search': name === 'text' });
      return h('label', { class: what === 'wide' ? 'wide' : null }, label, input);
    }),
    h('button', { type: 'submit', class: 'main' }, 'Filter'),
    h('button', { type: 'button', onclick: () => { for (const field of form.elements) if (field.name) field.value = ''; send(true); } }, 'Clear'));
  function send(all) {
    const next = new URLSearchParams(all ? undefined : parameters);
    for (const field of form.elements) if (field.name) { if (field.value.trim()) next.set(field.name, field.value.trim()); else next.delete(field.name); }
    go(next);
  }
  return form;
}
