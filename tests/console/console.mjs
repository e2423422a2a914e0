// The console in a real browser, against a server that really records. Says `ok NAME` for each part; the first failure ends it.
//
//   node console.mjs PLAN.json
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { check, cut, done, end, finds, go, mend, open, picture, plan, shell } from './rig.mjs';

const at = `#/session/${plan.session}`;
const told = `#/session/${plan.told}`;

// Watch while a command records, and two tabs see the same.
{
  const { context, page } = await open();
  await go(page, `#/live?session=${plan.session}`);
  await page.locator('.tag.good', { hasText: 'live' }).waitFor();
  const second = await context.newPage();
  await go(second, `#/live?session=${plan.session}&family=file`);
  await second.locator('.tag.good', { hasText: 'live' }).waitFor();
  shell('echo seen > live-1');
  await finds(page, 'live-1');
  await finds(second, 'live-1');
  done('what a command does is shown while it does it, in two tabs');
  await page.getByRole('button', { name: 'Pause' }).click();
  shell('echo seen > live-2');
  await page.getByText(/wait/).first().waitFor();
  assert.equal(await page.locator('.row', { hasText: 'live-2' }).count(), 0);
  await page.getByRole('button', { name: 'Go on' }).click();
  await finds(page, 'live-2');
  done('what comes during a pause waits');
  await second.locator('select[name=decision]').selectOption('deny');
  await second.waitForURL(/decision=deny/);
  done('a filter stands in the address');
  await page.locator('.list').focus();
  await page.keyboard.press('End');
  await page.keyboard.press('Enter');
  await page.waitForURL(/#\/event\/\d+/);
  await page.locator('dl.pairs').first().waitFor();
  done('an event opens from the keyboard');
  await context.close();
}

// A connection that is lost: it says so, and goes on without gap or repeat.
{
  const { context, page } = await open({}, /Failed to load resource|net::ERR/);
  await go(page, `#/live?session=${plan.session}&kind=file_create`);
  await page.locator('.tag.good', { hasText: 'live' }).waitFor();
  const before = await page.locator('.row[data-seq]').last().getAttribute('data-seq');
  cut();
  await page.getByText('connection lost', { exact: true }).waitFor();
  await page.getByText(/The connection is lost for \d+ s/).waitFor();
  shell('for n in 1 2 3 4 5 6 7; do echo x > gap-$n; done');
  mend();
  await finds(page, 'gap-7');
  await page.locator('.tag.good', { hasText: 'live' }).waitFor();
  await page.waitForFunction(() => document.getElementById('notice').textContent === '');
  const seen = await page.locator('.row .subject').allTextContents();
  const gaps = seen.filter((text) => text.includes('/gap-')).map((text) => text.split('/gap-')[1]);
  assert.deepEqual(gaps, ['1', '2', '3', '4', '5', '6', '7'], `behind ${before}: ${seen}`);
  // A second loss, in the middle of what comes.
  cut();
  shell('for n in 8 9; do echo x > gap-$n; done');
  mend();
  await finds(page, 'gap-9');
  const seqs = await page.locator('.row[data-seq]').evaluateAll((rows) => rows.map((row) => Number(row.dataset.seq)).sort((a, b) => a - b));
  assert.equal(new Set(seqs).size, seqs.length, `a seq stands twice: ${seqs}`);
  const recorded = (await (await fetch(`${plan.base}/api/v1/events?session=${plan.session}&kind=file_create&limit=1000`)).json()).events.map((event) => event.seq);
  assert.deepEqual(seqs, recorded.slice(-seqs.length), 'each seq exactly once');
  done('a lost connection is told and goes on without gap or repeat');
  await context.close();
}

// Hostile names are text, and what is invisible in them is written out.
{
  const { context, page } = await open();
  await go(page, `${at}/events?text=hostile`);
  await finds(page, 'hostile');
  assert.equal(await page.locator('main img, main script, main b.hostile').count(), 0);
  const text = await page.locator('.list').innerText();
  assert.ok(text.includes('<img src=x onerror=alert(1)>'), text);
  assert.ok(text.includes('\\u{202e}') && text.includes('\\e') && text.includes('\\u{200b}'), text);
  assert.ok(!/[\u202e\u200b\u001b]/.test(await page.content()));
  await go(page, `${at}/files`);
  await page.locator('table').waitFor();
  assert.equal(await page.locator('main img').count(), 0);
  done('hostile names are inert and visible');
  await context.close();
}

// The timeline zooms from the keyboard, and the address says so.
{
  const { context, page } = await open();
  await go(page, at);
  await page.locator('svg.timeline').focus();
  await page.keyboard.press('Home');
  await page.keyboard.press('Shift+End');
  await page.keyboard.press('Enter');
  await page.waitForURL(/since=\d+&until=\d+/);
  await page.getByRole('button', { name: 'Show all of the time' }).click();
  await page.waitForURL((url) => !url.href.includes('since='));
  await page.keyboard.press('?');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.keyboard.press('g');
  await page.keyboard.press('a');
  await page.waitForURL(/#\/attack/);
  done('timeline, help and pages work from the keyboard');
  await context.close();
}

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

// Questions.
{
  const { context, page } = await open({}, /400/);
  await go(page, '#/sql');
  await page.getByLabel('Ready questions').selectOption({ label: 'How much happened in each hour, and how much of it was refused' });
  await page.locator('.grid-row').first().waitFor();
  await page.locator('.chart svg').waitFor();
  const ready = await page.getByLabel('Ready questions').locator('option').count();
  assert.equal(ready, 21, 'twenty questions');
  done('a ready question is answered with rows and a chart');
  const editor = page.getByLabel('Question in SQL');
  await editor.fill('SELECT kind,\n  nothing FROM events');
  await editor.press('Control+Enter');
  await page.getByRole('alert').waitFor();
  await page.locator('.fault', { hasText: 'line 2' }).waitFor();
  assert.equal(await editor.evaluate((area) => area.value.slice(area.selectionStart, area.selectionEnd)), 'nothing');
  done('a fault in a question is shown at its place');
  await editor.fill('SELECT kind, count(*) AS events FROM events GROUP BY kind ORDER BY events DESC');
  await editor.press('Control+Enter');
  await page.locator('.chart rect').first().waitFor();
  await picture(page, 'sql-light');
  for (const [name, starts] of [['CSV', 'kind,events'], ['Parquet', 'PAR1']]) {
    const coming = page.waitForEvent('download');
    await page.getByRole('button', { name, exact: true }).click();
    const text = readFileSync(await (await coming).path(), 'latin1');
    assert.ok(text.startsWith(starts), text.slice(0, 40));
  }
  done('an answer is kept as CSV and as Parquet');
  await page.locator('.grid').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Row 1' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await editor.fill('SELECT count(*) FROM events a, events b, events c, events d, events e, events f');
  await editor.press('Control+Enter');
  await page.getByRole('button', { name: 'Cancel' }).click();
  await page.getByText('was cancelled').waitFor();
  done('a row is shown whole, and a question that takes too long is cancelled');
  await editor.fill('DROP TABLE events');
  await editor.press('Control+Enter');
  await page.getByRole('alert').waitFor();
  done('what is no reading is refused');
  await context.close();
}

// Filters: every one in the address counts.
{
  const { context, page } = await open({}, /400/);
  for (const [filter, count] of [['text=part-1', null], ['severity=low', null], ['where=kind%20%3D%3D%20%22file_create%22', null], ['technique=T1087', null], ['command=cat', null], ['text=part-1&where=seq%20%3C%201', 0]]) {
    const wanted = count ?? (await (await fetch(`${plan.base}/api/v1/events?session=${plan.session}&limit=1000&${filter}`)).json()).events.length;
    await go(page, `${at}/events?${filter}`);
    await page.getByText(wanted === 0 ? 'No event matches.' : new RegExp(`^${wanted} events? match$`)).waitFor();
  }
  await go(page, `${at}/events?where=kind%20%3D%3D`);
  await page.getByRole('alert').waitFor();
  done('every filter of the address counts in a session, and a faulty one is told');
  await go(page, `${told}/attack`);
  await page.locator('.matrix a').first().waitFor();
  await go(page, `${at}/attack`);
  await page.locator('.matrix a.seen').first().click();
  await page.waitForURL(/events\?technique=T/);
  await finds(page, 'detection');
  done('a technique of the matrix filters');
  const coming = context.waitForEvent('page');
  await page.getByRole('link', { name: 'Report' }).click();
  const report = await coming;
  await report.getByText(plan.session).first().waitFor();
  assert.equal(await report.locator('script').count(), 0);
  done('the report of a session opens beside it');
  await context.close();
}

// Keys: signing in, what a role may do, a session that ends, signing out.
{
  const { context, page } = await open({}, /401/);
  const keyed = plan.keyed.base;
  const enter = async (key) => { await page.getByLabel('API key').fill(key); await page.keyboard.press('Enter'); };
  await go(page, `#/session/${plan.told}/files`, keyed);
  await enter('agentsh_wrong');
  await page.getByRole('alert').filter({ hasText: /key/i }).waitFor();
  await check(page, 'sign-in');
  await picture(page, 'sign-in-light');
  await enter(plan.keyed.auditor);
  await page.locator('table', { hasText: 'lib.o' }).waitFor();
  assert.ok(page.url().endsWith(`#/session/${plan.told}/files`));
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script reads the cookie');
  await page.reload();
  await page.locator('table', { hasText: 'lib.o' }).waitFor();
  done('a key signs in once, and the address is kept');
  await go(page, `#/session/${plan.keyed.running}`, keyed);
  await page.locator('.row .subject').first().waitFor();
  assert.equal(await page.getByRole('button', { name: 'End session' }).count(), 0, 'an auditor ends nothing');
  await context.clearCookies();
  await page.getByRole('link', { name: 'Processes' }).click();
  await page.getByText('You are not signed in any more').waitFor();
  await enter(plan.keyed.operator);
  await page.waitForURL(/processes$/);
  await page.getByRole('button', { name: 'End session' }).click();
  await page.getByRole('button', { name: 'End the session' }).click();
  await page.locator('.tag', { hasText: 'ended' }).waitFor();
  done('an ended sign-in leads back to the same address, and a role has what it may do');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByText('You are signed out.').waitFor();
  await enter(plan.keyed.sensor);
  await page.getByText('may not read what was recorded').waitFor();
  done('signing out ends it, and a role that reads nothing is told so');
  await context.close();
}

// States: nothing there, and a server that is away when the page is opened.
{
  const { context, page } = await open({}, /404|Failed to load resource|net::ERR/);
  await go(page, '#/session/none');
  await page.getByRole('alert').first().waitFor();
  await go(page, `${at}/events?text=nowhere-at-all`);
  await page.getByText('No event matches.').waitFor();
  await go(page, '#/sessions');
  await page.locator('table').waitFor();
  cut();
  await page.getByRole('link', { name: 'ATT&CK' }).click();
  await page.getByRole('alert').waitFor();
  mend();
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('.matrix a').first().waitFor();
  done('nothing, a fault and a lost connection are told, and tried again');
  await context.close();
}

// Whatever can be used is reached by the Tab key.
{
  const { context, page } = await open();
  for (const [name, hash, there] of [['session', at, '.row .subject'], ['replay', `${told}/replay`, '.player'], ['sql', '#/sql?q=SELECT%20kind%2C%20count(*)%20AS%20n%20FROM%20events%20GROUP%20BY%201', '.grid-row'], ['sessions', '#/sessions', 'table tbody tr']]) {
    await go(page, hash);
    await page.locator(there).first().waitFor();
    const usable = () => [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')].filter((one) => one.checkVisibility() && one.tabIndex >= 0);
    const wanted = await page.evaluate(`(${usable})().length`);
    const reached = new Set();
    for (let presses = 0; presses < wanted * 2 && reached.size < wanted; presses += 1) {
      await page.keyboard.press('Tab');
      reached.add(await page.evaluate(`(${usable})().indexOf(document.activeElement)`));
      reached.delete(-1);
    }
    const missed = await page.evaluate(`((reached) => (${usable})().filter((_, place) => !reached.includes(place)).map((one) => one.outerHTML.slice(0, 120)))(${JSON.stringify([...reached])})`);
    assert.deepEqual(missed, [], name);
  }
  done('whatever can be used is reached by the Tab key');
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
