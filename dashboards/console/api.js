// The server's API: requests, problems, and the live stream, which goes on where it was when the connection was lost.

let onSignIn = () => {};
let lostSince = null;
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
  constructor(status, detail, { position, parameter } = {}) { super(detail); Object.assign(this, { status, position, parameter }); }
}

/** `quiet`: a refusal of the caller is the asker's to tell. */
async function send(path, { quiet, ...options } = {}) {
  let response;
  try {
    response = await fetch(path, { credentials: 'same-origin', ...options });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    connection(true);
    throw new Problem(0, 'The server does not answer.');
  }
  connection(false);
  if (response.ok) return response;
  let told = {};
  try { told = await response.json(); } catch { /* The status says it. */ }
  if (response.status === 401 && !quiet) onSignIn();
  throw new Problem(response.status, told.detail ?? told.error ?? `${response.status} ${response.statusText}`, told);
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

// The header says that it is this page that asks, and not one of another site that has the browser send the cookie.
const OWN = { 'x-agentsh-request': '1' };

export const post = (path, body, { accept = 'application/json', signal, quiet } = {}) => send(`/api/v1${path}`, { method: 'POST', signal, quiet, headers: { ...OWN, accept, 'content-type': 'application/json' }, body: JSON.stringify(body) });
export const remove = (path) => send(`/api/v1${path}`, { method: 'DELETE', headers: OWN });

/** Signs in: from then on a cookie that no script can read stands for the key. */
export const signIn = async (key) => (await post('/login', { key }, { quiet: true })).json();
export const signOut = () => send('/api/v1/logout', { method: 'POST', quiet: true, headers: OWN });
/** Who asks, or null where a key is asked for. */
export async function whoAmI() {
  try { return await (await send('/api/v1/me', { quiet: true, headers: { accept: 'application/json' } })).json(); } catch (problem) { if (problem.status === 401) return null; throw problem; }
}

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
