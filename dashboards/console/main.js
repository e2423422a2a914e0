// The shell: which page the address names, who is signed in, light or dark, keys, and the state of the connection.
import { failed, h } from './dom.js';
import { onConnection, onUnauthorized, signIn, signOut, whoAmI } from './api.js';
import { become, mayRead, who } from './who.js';
import { sessions } from './sessions.js';
import { session } from './session.js';
import { live } from './live.js';
import { event } from './event.js';
import { attack } from './attack.js';
import { integrity } from './integrity.js';
import { sql } from './sql.js';

const PAGES = [['live', 'Live', live], ['sessions', 'Sessions', sessions], ['attack', 'ATT&CK', attack], ['sql', 'SQL', sql], ['integrity', 'Integrity', integrity]];
const MORE = { session, event };
const main = document.getElementById('main');
const notice = document.getElementById('notice');
let leave = () => {};
let shownPath = null;

/** The address: the page, what stands behind it, and its parameters. */
function place() {
  const [path, search] = location.hash.replace(/^#\/?/, '').split('?');
  const [page, ...rest] = (path || 'sessions').split('/').map((part) => { try { return decodeURIComponent(part); } catch { return part; } });
  return { page, rest, parameters: new URLSearchParams(search ?? '') };
}

function show() {
  leave();
  leave = () => {};
  const { page, rest, parameters } = place();
  const found = PAGES.find(([name]) => name === page);
  const make = found?.[2] ?? MORE[page];
  document.getElementById('pages').replaceChildren(...PAGES.map(([name, title]) => h('a', { href: `#/${name}`, 'aria-current': name === page || (name === 'sessions' && page === 'session') ? 'page' : null }, title)));
  document.title = `${found?.[1] ?? (rest[0] ? `${page} ${rest[0].slice(0, 12)}` : page)} · agentsh`;
  const body = h('div', {});
  main.replaceChildren(body);
  if (!mayRead()) body.append(h('p', { class: 'state' }, `The key ${who().name} has the ${who().roles.length === 1 ? 'role' : 'roles'} ${who().roles.join(', ') || 'of nobody'}, which may not read what was recorded. It takes auditor or operator.`));
  else if (!make) body.append(h('p', { class: 'state' }, 'There is no such page. ', h('a', { href: '#/sessions' }, 'Sessions')));
  else leave = make(body, rest, parameters, go) ?? (() => {});
  const path = [page, ...rest].join('/');
  if (shownPath !== null && shownPath !== path) { main.focus({ preventScroll: true }); scrollTo(0, 0); }
  shownPath = path;
}

/** Goes to a page with parameters, which then stand in the address. */
function go(path, parameters) {
  const search = parameters?.toString();
  const hash = `#/${path}${search ? `?${search}` : ''}`;
  if (location.hash === hash) show(); else location.hash = hash;
}

/** Asks for a key; the address stays, and is shown behind it. */
function askForKey(reason = '') {
  leave();
  leave = () => {};
  become(null);
  tools();
  document.title = 'Sign in · agentsh';
  const told = h('p', { class: 'quiet', role: 'alert' }, reason);
  const input = h('input', { type: 'password', name: 'key', id: 'key', autocomplete: 'current-password', required: true });
  const form = h('form', { class: 'sign', onsubmit: async (sent) => {
    sent.preventDefault();
    told.textContent = 'Signing in …';
    try { become(await signIn(input.value)); input.value = ''; tools(); show(); main.focus({ preventScroll: true }); }
    catch (problem) { told.textContent = problem.message; input.select(); }
  } }, h('h1', {}, 'Sign in'), h('label', { for: 'key' }, 'API key'), input, h('button', { class: 'main' }, 'Sign in'), told,
  h('p', { class: 'quiet' }, 'Keys are made with ', h('code', {}, 'agentsh keys create'), '. Reading takes the role auditor or operator.'));
  document.getElementById('pages').replaceChildren();
  main.replaceChildren(form);
  input.focus();
}

async function leaveKey() {
  try { await signOut(); askForKey('You are signed out.'); } catch (problem) { notice.textContent = `Signing out failed: ${problem.message}`; }
}

const THEMES = ['system', 'light', 'dark'];
function theme(next) {
  if (next === 'system') delete document.documentElement.dataset.theme; else document.documentElement.dataset.theme = next;
  try { localStorage.setItem('theme', next); } catch { /* It is remembered for this page only. */ }
}

function tools() {
  let current = 'system';
  try { current = localStorage.getItem('theme') ?? 'system'; } catch { /* As above. */ }
  document.getElementById('tools').replaceChildren(
    ...(who()?.keys_required ? [h('span', { class: 'quiet' }, `${who().name} (${who().roles.join(', ')})`), h('button', { type: 'button', onclick: leaveKey }, 'Sign out')] : []),
    h('select', { 'aria-label': 'Colours', onchange: (event_) => theme(event_.target.value) }, THEMES.map((name) => h('option', { value: name, selected: name === current }, name))),
    h('button', { type: 'button', 'aria-label': 'Keys and help', onclick: help }, '?'));
}

const KEYS = [['/', 'search or filter'], ['g l', 'live'], ['g s', 'sessions'], ['g a', 'ATT&CK'], ['g q', 'SQL'], ['g i', 'integrity'], ['↑ ↓', 'in a list or the matrix: one further'], ['Page, Home, End', 'in a list'], ['Enter', 'open what is chosen'], ['space', 'live and replay: pause and go on'], ['← →', 'replay: an event back or on; with shift ten seconds'], ['n p', 'replay: the next refusal or detection, and the one before'], ['[ ]', 'replay: slower, faster'], ['Ctrl Enter', 'SQL: ask'], ['Esc', 'SQL: cancel'], ['?', 'this help']];
function help() {
  const box = h('dialog', { 'aria-label': 'Keys and help' }, h('h2', {}, 'Keys'), h('dl', { class: 'pairs' }, KEYS.map(([keys, what]) => [h('dt', {}, h('kbd', {}, keys)), h('dd', {}, what)])),
    h('p', { class: 'quiet' }, 'What cannot be seen in a recorded text (control characters, direction marks, zero-width characters) is written out as an escape.'),
    h('form', { method: 'dialog' }, h('button', { class: 'main' }, 'Close')));
  box.addEventListener('close', () => box.remove());
  document.body.append(box);
  box.showModal();
}

let before = '';
addEventListener('keydown', (pressed) => {
  const typing = pressed.target.closest?.('input, textarea, select, dialog[open]');
  if (typing || pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
  const pages = { l: 'live', s: 'sessions', a: 'attack', i: 'integrity', q: 'sql' };
  if (before === 'g' && pages[pressed.key] && who()) go(pages[pressed.key]);
  else if (pressed.key === '?') help();
  else if (pressed.key === '/') { const search = document.querySelector('[data-search], input[type=search], textarea'); search?.focus(); if (search) pressed.preventDefault(); }
  before = pressed.key;
});

let counting = null;
onConnection((since) => {
  clearInterval(counting);
  if (since === null) { notice.textContent = ''; return; }
  const tell = () => { notice.textContent = `The connection is lost for ${Math.round((Date.now() - since) / 1000)} s. What is shown may be old; it goes on by itself.`; };
  tell();
  counting = setInterval(tell, 1000);
});

document.getElementById('skip').addEventListener('click', (clicked) => { clicked.preventDefault(); main.focus(); });
// Where several requests are refused at once, the first asks.
onUnauthorized(() => { if (who()) askForKey('You are not signed in any more: the time is over, or the key was revoked.'); });
addEventListener('hashchange', () => { if (who()) show(); });
try { theme(localStorage.getItem('theme') ?? 'system'); } catch { /* The system's. */ }
tools();

async function begin() {
  try {
    const caller = await whoAmI();
    if (!caller) { askForKey(); return; }
    become(caller);
    tools();
    show();
  } catch (problem) { main.replaceChildren(failed(problem, begin)); }
}
begin();
