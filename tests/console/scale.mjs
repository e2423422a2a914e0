// A session of very many events: how long until it is shown, and how many pictures a second while it is scrolled.
//
//   node scale.mjs PLAN.json
import assert from 'node:assert/strict';
import { done, end, go, open, plan } from './rig.mjs';

const { context, page } = await open();
await go(page, '#/sessions');
await page.locator('table tbody tr').first().waitFor();

const opened = [];
for (let time = 0; time < 3; time += 1) {
  await go(page, '#/sessions');
  await page.locator('table tbody tr').first().waitFor();
  // From the click to rows and timeline, as whoever sits there sees it: by the pictures that the browser makes.
  opened.push(await page.evaluate((session) => new Promise((shown) => {
    const began = performance.now();
    location.hash = `#/session/${session}`;
    const look = () => (document.querySelector('.row .subject') && document.querySelector('svg.timeline rect') ? shown(performance.now() - began) : requestAnimationFrame(look));
    requestAnimationFrame(look);
  }), plan.session));
}
const total = await page.locator('.line [role=status]', { hasText: 'events' }).first().innerText();

async function scroll(pixels, millis) {
  return page.evaluate(([step, time]) => new Promise((measured) => {
    const list = document.querySelector('.list');
    list.scrollTop = 0;
    const began = performance.now();
    let [frames, before, longest, empty, rows] = [0, began, 0, 0, 0];
    const one = (now) => {
      longest = Math.max(longest, now - before);
      before = now;
      frames += 1;
      list.scrollTop += step;
      if (list.scrollTop + list.clientHeight >= list.scrollHeight - 1) list.scrollTop = 0;
      rows += list.querySelectorAll('.row').length;
      empty += list.querySelectorAll('.row[data-empty]').length;
      if (now - began < time) requestAnimationFrame(one);
      else measured({ rate: frames / ((now - began) / 1000), longest, empty: empty / Math.max(1, rows) });
    };
    requestAnimationFrame(one);
  }), [pixels, millis]);
}
await page.waitForFunction(() => !document.querySelector('.row[data-empty]'));
const slow = await scroll(40, 5_000);
// Dragging the bar: every picture is of another place.
const fast = await scroll(60_000, 5_000);
await page.locator('.list').focus();
await page.keyboard.press('End');
const lastRow = page.locator('.row[aria-selected="true"][data-seq]');
await lastRow.waitFor();
assert.equal(await lastRow.getAttribute('aria-posinset'), await lastRow.getAttribute('aria-setsize'));
assert.equal(Number(await lastRow.getAttribute('data-seq')), plan.last, 'the last row is the last event');

const told = ({ rate, longest, empty }) => `${rate.toFixed(1)} frames/s (longest ${longest.toFixed(0)} ms, ${(empty * 100).toFixed(1)} % of rows not there yet)`;

console.log(`measured ${total}: opened in ${opened.map((one) => one.toFixed(0)).join(', ')} ms; read through at ${told(slow)}; dragged at ${told(fast)}`);
if (plan.targets) {
  assert.ok(Math.max(...opened) < 2_000, `it takes ${Math.max(...opened).toFixed(0)} ms to open`);
  assert.ok(slow.rate >= 50 && fast.rate >= 50, 'fewer than 50 frames a second');
}

done('a session of very many events opens and scrolls');
await context.close();
await end();
