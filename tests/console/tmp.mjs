// The console in a real browser, against a server that really records. Says `ok NAME` for each part; the first failure ends it.
//
//   node console.mjs PLAN.json
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { check, cut, done, end, finds, go, mend, open, picture, plan, shell } from './rig.mjs';

const at = `#/session/${plan.session}`;
const told = `#/session/${plan.told}`;

// Every page: light, dark, and 320 CSS pixels wide, which is 400 % zoom.
const PAGES = [['sessions', '#/sessions', 'table tbody tr'], ['session', at, '.row .subject'], ['replay', `${told}/replay?at=${plan.toldMoment}`, '.terminal .lines span'], ['processes', `${at}/processes`, 'ul.tree li'], ['files', `${at}/files`, 'table tbody tr'],
  ['network', `${told}/network`, 'table'], ['attack', `${at}/attack`, '.matrix a.seen'], ['event', `#/event/${plan.event}`, 'dl.pairs'], ['live', '#/live', '.row .subject'], ['sql', `#/sql?q=${encodeURIComponent('SELECT kind, count(*) AS events FROM events GROUP BY kind ORDER BY events DESC')}`, '.chart rect'], ['integrity', '#/integrity', 'dl.facts'], ['nowhere', '#/nowhere', '.state']];
const PICTURES = ['session-light', 'session-narrow', 'attack-dark', 'sessions-light', 'replay-dark', 'live-light', 'sql-dark', 'processes-light'];

for (const [look, options] of [['light', { colorScheme: 'light' }], ['dark', { colorScheme: 'dark' }], ['narrow', { colorScheme: 'light', viewport: { width: 320, height: 700 } }]]) {
  const { context, page } = await open(options);
  for (const [name, hash, there] of PAGES) {
    await go(page, hash);
    await page.locator(there).first().waitFor();
    if (PICTURES.includes(`${name}-${look}`)) await picture(page, `${name}-${look}`);
    await check(page, `${name}, ${look}`);
  }
  done(`no serious fault of accessibility, nothing wider than the page: ${look}`);
  await context.close();
}

await end();
