// The console in a real browser, against a server that really records. Says `ok NAME` for each part; the first failure ends it.
//
//   node console.mjs PLAN.json
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const require = createRequire(join(plan.modules, 'index.js'));
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const DEADLINE = 30_000;

// Between the browser and the server, so that a connection can be lost as it is by a cable: at once, and for whoever tries again.
const server = new URL(plan.base);
const pairs = new Set();
let isCut = false;
const relay = net.createServer((near) => {
  if (isCut) { near.destroy(); return; }
  const far = net.connect(Number(server.port), server.hostname);
  const pair = { end: () => { near.destroy(); far.destroy(); pairs.delete(pair); } };
  pairs.add(pair);
  for (const [from, to] of [[near, far], [far, near]]) { from.on('error', pair.end); from.on('close', pair.end); from.pipe(to); }
});
await new Promise((listening) => { relay.listen(0, '127.0.0.1', listening); });
plan.base = `http://127.0.0.1:${relay.address().port}`;
const cut = () => { isCut = true; for (const pair of pairs) pair.end(); };
const mend = () => { isCut = false; };

const browser = await chromium.launch({ executablePath: plan.chromium, headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const faults = [];

async function open(options = {}, expectErrors = false) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE);
  page.on('request', (request) => { if (!request.url().startsWith(plan.base) && !/^(data|blob):/.test(request.url())) faults.push(`a request to ${request.url()}`); });
  page.on('pageerror', (error) => faults.push(`an error: ${error.message}`));
  if (!expectErrors) page.on('console', (message) => { if (message.type() === 'error') faults.push(`console: ${message.text()} ${message.location().url}`); });
  page.on('dialog', (dialog) => { faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  return { context, page };
}

const shell = (script) => execFileSync(plan.exec[0], [...plan.exec.slice(1), 'sh', '-c', script], { env: { ...process.env, ...plan.env }, stdio: ['ignore', 'pipe', 'pipe'] });
const go = (page, hash) => page.goto(`${plan.base}/${hash}`);
const done = (name) => console.log(`ok ${name}`);
const finds = (page, text) => page.locator('.row', { hasText: text }).first().waitFor();

async function check(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const serious = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`)]), [], name);
}

const at = `#/session/${plan.session}`;
const PAGES = [['sessions', '#/sessions', 'table tbody tr'], ['session', at, '.row .subject'], ['processes', `${at}/processes`, 'ul.tree li'], ['files', `${at}/files`, 'table tbody tr'],
  ['network', `${at}/network`, '.state, table'], ['attack', '#/attack', '.matrix a'], ['event', `#/event/${plan.event}`, 'dl.pairs'], ['live', '#/live', '.row .subject'], ['integrity', '#/integrity', 'dl.facts'], ['nowhere', '#/nowhere', '.state']];

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
  const { context, page } = await open({}, true);
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

// Every page: light, dark, and 320 CSS pixels wide, which is 400 % zoom.
for (const [look, options] of [['light', { colorScheme: 'light' }], ['dark', { colorScheme: 'dark' }], ['narrow', { colorScheme: 'light', viewport: { width: 320, height: 700 } }]]) {
  const { context, page } = await open(options);
  for (const [name, hash, there] of PAGES) {
    await go(page, hash);
    await page.locator(there).first().waitFor();
    await check(page, `${name}, ${look}`);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(wide <= 0, `${name}, ${look}: ${wide} px too wide`);
    if (plan.pictures && plan.pictures.some(([of, as]) => of === name && as === look)) {
      mkdirSync(plan.folder, { recursive: true });
      await page.screenshot({ path: join(plan.folder, `console-${name}-${look}.png`) });
    }
  }
  done(`no serious fault of accessibility, nothing wider than the page: ${look}`);
  await context.close();
}

await browser.close();
relay.close();
assert.deepEqual(faults, []);
done('no error in the console, no request to another host');
