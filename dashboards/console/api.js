// The server's API: requests, problems, and the live stream, which goes on where it was when the connection was lost.

let key = null;
let onSignIn = () => {};
let lostSince = null;
let signing = false;
const watchers = new Set();

export const onUnauthorized = (then) => { onSignIn = then; };
/** Told when the connection is lost (with the time) and when it is there again (with null). */
export const onConnection = (then) => watchers.add(then);

function connection(lost) {
  const next = lost ? (lostSince ?? Date.now()) : null;
  if (next === lostSince) return;
  lostSince = next;
  for (const watcher of watchers) watcher(lostSince);
}

export class Problem extends Error {
  constructor(status, detail) { super(detail); this.status = status; }
}

function headers(more) {
  const all = { ...more };
  if (key) all['x-api-key'] = key;
  return all;
}

async function send(path, options = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...options, headers: headers(options.headers) });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    connection(true);
    throw new Problem(0, 'The server does not answer.');
  }
  connection(false);
  if (response.ok) return response;
  let detail = `${response.status} ${response.statusText}`;
  try { const told = await response.json(); detail = told.detail ?? told.error ?? detail; } catch { /* The status says it. */ }
  if (response.status === 401 && !signing) onSignIn();
  throw new Problem(response.status, detail);
}

export function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== null && value !== '') search.set(name, value);
  const text = search.toString();
  return text === '' ? '' : `?${text}`;
}

export async function get(path, parameters = {}, signal) {
  return (await send(`/api/v1${path}${query(parameters)}`, { signal, headers: { accept: 'application/json' } })).json();
}

/** Signs in. The key is kept in this page's memory and nowhere else. */
export async function signIn(given) {
  key = given;
  signing = true;
  try { await get('/sessions', { limit: 1 }); } catch (refused) { key = null; throw refused; } finally { signing = false; }
}

export const signOut = () => { key = null; };
export const isSignedIn = () => key !== null;

/** Live events behind `after`. `take` gets each once and in order; after a lost connection it goes on behind the last one. */
export function live(parameters, after, { take, missing, state }) {
  const stop = new AbortController();
  let last = after;
  let wait = 250;
  const pause = (millis) => new Promise((done) => { setTimeout(done, millis); stop.signal.addEventListener('abort', done, { once: true }); });
  async function read() {
    const ask = new AbortController();
    const end = () => ask.abort();
    stop.signal.addEventListener('abort', end, { once: true });
    // The server says something every ten seconds: a longer silence is a lost connection.
    let silence = setTimeout(end, 25_000);
    try {
      const response = await send(`/api/v1/events${query({ ...parameters, after: last })}`, { signal: ask.signal, headers: { accept: 'text/event-stream', 'last-event-id': String(last) } });
      state('live');
      wait = 250;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let rest = '';
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(end, 25_000);
        rest += value;
        const blocks = rest.split('\n\n');
        rest = blocks.pop();
        const events = [];
        for (const block of blocks) {
          const fields = {};
          for (const line of block.split('\n')) { const at = line.indexOf(':'); if (at > 0) fields[line.slice(0, at)] = line.slice(at + 1).trimStart(); }
          if (!fields.data) continue;
          if (fields.event === 'event') {
            const event = JSON.parse(fields.data);
            if (event.seq > last) { last = event.seq; events.push(event); }
          } else if (fields.event === 'missing') missing(JSON.parse(fields.data));
        }
        if (events.length > 0) take(events);
      }
    } finally {
      clearTimeout(silence);
      stop.signal.removeEventListener('abort', end);
    }
  }
  (async () => {
    while (!stop.signal.aborted) {
      try { await read(); } catch (error) {
        if (stop.signal.aborted) return;
        if (error.status >= 400 && error.status < 500) { state('refused', error); return; }
      }
      if (stop.signal.aborted) return;
      state('lost');
      await pause(wait);
      wait = Math.min(wait * 2, 5_000);
    }
  })();
  return () => stop.abort();
}
