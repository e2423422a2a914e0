// The console in a real browser, against a server that really records. Says `ok NAME` for each part; the first failure ends it.
//
//   node console.mjs PLAN.json
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { check, cut, done, end, finds, go, mend, open, picture, plan, shell } from './rig.mjs';

const at = `#/session/${plan.session}`;
const told = `#/session/${plan.told}`;

// The terminal, in step with the events.
{
  const { context, page } = await open();
  await go(page, `${told}/replay`);
  await page.locator('.player').waitFor();
  await page.keyboard.press(']');
  await page.keyboard.press(']');
  await page.locator('.terminal', { hasText: /^\s*$/ }).waitFor();
  await page.keyboard.press(' ');
  await page.locator('.terminal', { hasText: '$ make all' }).waitFor();
  // Waits of a minute and a half are cut short: it comes to its end.
  await page.locator('.terminal', { hasText: 'done' }).waitFor();
  await page.getByRole('button', { name: 'Play', exact: true }).waitFor();
  const [last] = (await (await fetch(`${plan.base}/api/v1/events?session=${plan.told}&order=desc&limit=1`)).json()).events;
  assert.equal(await page.locator('.row[aria-selected="true"] .seq').textContent(), String(last.seq));
  done('a replay plays the terminal in step with the events, with waits cut short');
  await page.getByRole('button', { name: 'To the first event' }).click();
  const moment = (text) => page.locator('.row[aria-selected="true"]', { hasText: text }).waitFor();
  for (const text of ['no-paste-sites', 'Upload of secrets']) { await page.keyboard.press('n'); await moment(text); }
  await page.locator('.terminal', { hasText: 'cc -c main.c' }).waitFor();
  const chosen = await page.locator('.row[aria-selected="true"]').innerText();
  await page.keyboard.press('p');
  await moment('no-paste-sites');
  await page.keyboard.press('n');
  await moment('Upload of secrets');
  await page.waitForURL(/replay\?at=\d+/);
  const there = await page.evaluate(() => location.hash);
  await picture(page, 'replay-light');
  const second = await context.newPage();
  await go(second, there);
  await second.locator('.terminal', { hasText: 'cc -c main.c' }).waitFor();
  assert.equal(await second.locator('.row[aria-selected="true"]').innerText(), chosen);
  done('a moment of a replay stands in the address');
  await page.getByRole('slider', { name: 'Moment' }).focus();
  await page.keyboard.press('End');
  await page.locator('.terminal', { hasText: 'done' }).waitFor();
  await page.keyboard.press('Home');
  await page.locator('.terminal', { hasText: /^\s*$/ }).waitFor();
  await page.locator('.list').focus();
  await page.keyboard.press('End');
  await page.locator('.row', { hasText: 'refused' }).first().click();
  await page.locator('.terminal', { hasText: 'curl: (7) refused' }).waitFor();
  done('a replay goes to any moment, by the bar and by the list');
  await context.close();
}

// A terminal that was told to do harm does none.
{
  const { context, page } = await open();
  await go(page, `#/session/${plan.hostile}/replay`);
  await page.keyboard.press('Tab');
  await page.getByRole('button', { name: 'To the last event' }).click();
  await page.locator('.terminal', { hasText: 'onerror' }).waitFor();
  assert.equal(await page.locator('main img, main script, main iframe').count(), 0);
  assert.ok(!/[\u202e\u200b\u001b]/.test(await page.content()));
  assert.ok((await page.title()).endsWith('agentsh'), await page.title());
  done('a hostile terminal is inert');
  await context.close();
}

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
