// What the browser tests stand on: the browser, a relay that can cut every connection, and what must never happen on a page.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import net from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';

export const plan = JSON.parse(readFileSync(process.argv[2], 'utf8'));
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
export const base = `http://127.0.0.1:${relay.address().port}`;
export const cut = () => { isCut = true; for (const pair of pairs) pair.end(); };
export const mend = () => { isCut = false; };

const browser = await chromium.launch({ executablePath: plan.chromium, headless: true,
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'] });
const faults = [];

/** A page in a browser of its own; `expected` says which messages of the browser's console belong to the part, such as a lost connection. */
export async function open(options = {}, expected = null) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce', acceptDownloads: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(DEADLINE);
  const ours = [base, plan.keyed?.base].filter(Boolean);
  page.on('request', (request) => { if (!ours.some((one) => request.url().startsWith(one)) && !/^(data|blob):/.test(request.url())) faults.push(`a request to ${request.url()}`); });
  page.on('pageerror', (error) => faults.push(`an error: ${error.message}`));
  page.on('console', (message) => { if (message.type() === 'error' && !expected?.test(message.text())) faults.push(`console: ${message.text()} ${message.location().url}`); });
  page.on('dialog', (dialog) => { faults.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });
  return { context, page };
}

export const shell = (script) => execFileSync(plan.exec[0], [...plan.exec.slice(1), 'sh', '-c', script], { env: { ...process.env, ...plan.env }, stdio: ['ignore', 'pipe', 'pipe'] });
export const go = (page, hash, at = base) => page.goto(`${at}/${hash}`);
export const done = (name) => console.log(`ok ${name}`);
export const finds = (page, text) => page.locator('.row', { hasText: text }).first().waitFor();

/** No serious fault of accessibility, and nothing wider than the page. */
export async function check(page, name) {
  await page.evaluate(axe);
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  const serious = found.violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  assert.deepEqual(serious.map(({ id, nodes }) => [id, nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`)]), [], name);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(wide <= 0, `${name}: ${wide} px too wide`);
}

/** A picture of the page, where pictures are wanted. */
export async function picture(page, name) {
  if (!plan.folder) return;
  mkdirSync(plan.folder, { recursive: true });
  await page.screenshot({ path: join(plan.folder, `console-${name}.png`) });
}

/** Ends the browser; what must never happen did not. */
export async function end() {
  await browser.close();
  relay.close();
  assert.deepEqual(faults, []);
  done('no error in the console, no request to another host');
}
