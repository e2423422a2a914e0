// How much happened when, as bars that a pointer or the keys choose a part of.
import { count, h, s, span, time } from './dom.js';

const WIDTH = 960;
const HEIGHT = 110;

/** `zoom(from_us, to_us)` gets the part that was chosen; `jump(bucket)` the bar that was clicked. */
export function timeline({ from_us, to_us, total, buckets }, zoom, jump) {
  const most = Math.max(1, ...buckets.map((bucket) => bucket.events));
  const width = WIDTH / Math.max(1, buckets.length);
  const step = buckets.length > 1 ? buckets[1].from_us - buckets[0].from_us : to_us - from_us;
  // A square root lets a few events be seen beside many.
  const tall = (events) => (events === 0 ? 0 : Math.max(2, Math.sqrt(events / most) * (HEIGHT - 8)));
  const brush = s('rect', { class: 'brush', y: 0, height: HEIGHT, x: 0, width: 0 });
  const told = h('span', { class: 'quiet', role: 'status' }, `${time(from_us)} – ${time(to_us)} (${span(to_us - from_us)}), ${span(step)} a bar`);
  const bars = buckets.map((bucket, at) => {
    const x = at * width;
    const bar = (events, kind) => events > 0 && s('rect', { class: kind, x, width: Math.max(0.8, width - 0.6), y: HEIGHT - tall(events), height: tall(events) });
    return [bar(bucket.events, 'all'), bar(bucket.refused, 'refused'), bar(bucket.detections, 'detected')];
  });
  const svg = s('svg', { class: 'timeline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', tabindex: '0', role: 'application', 'aria-roledescription': 'timeline',
    'aria-label': `Timeline of ${count(total)} events. Arrow keys choose a bar, with shift several; Enter zooms, space shows its first event.` }, bars, brush);
  let [anchor, at, dragging] = [-1, -1, false];
  const clamp = (place) => Math.min(buckets.length - 1, Math.max(0, place));
  function show() {
    const [first, last] = [Math.min(anchor, at), Math.max(anchor, at)];
    brush.setAttribute('x', first * width);
    brush.setAttribute('width', (last - first + 1) * width);
    const inside = buckets.slice(first, last + 1);
    const sum = (name) => inside.reduce((all, bucket) => all + bucket[name], 0);
    told.textContent = `${time(buckets[first].from_us)} – ${time(buckets[last].from_us + step)}: ${count(sum('events'))} events, ${count(sum('refused'))} refused, ${count(sum('detections'))} detections`;
  }
  const chosen = () => { const [first, last] = [Math.min(anchor, at), Math.max(anchor, at)]; zoom(buckets[first].from_us, buckets[last].from_us + step); };
  const under = (event) => { const box = svg.getBoundingClientRect(); return clamp(Math.floor(((event.clientX - box.left) / box.width) * buckets.length)); };
  svg.addEventListener('pointerdown', (event) => { if (event.button === 0) { anchor = at = under(event); dragging = true; svg.setPointerCapture(event.pointerId); show(); } });
  svg.addEventListener('pointermove', (event) => { if (dragging) { at = under(event); show(); } });
  svg.addEventListener('pointerup', () => { if (!dragging) return; dragging = false; if (anchor === at) { if (buckets[at].events > 0) jump(buckets[at]); } else chosen(); });
  svg.addEventListener('keydown', (event) => {
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    if (event.key in steps) { at = clamp((at < 0 ? 0 : at) + (at < 0 ? 0 : steps[event.key])); if (!event.shiftKey || anchor < 0) anchor = at; show(); }
    else if (event.key === 'Enter' && at >= 0) chosen();
    else if (event.key === ' ' && at >= 0) { if (buckets[at].events > 0) jump(buckets[at]); }
    else return;
    event.preventDefault();
  });
  return h('section', { 'aria-label': 'Timeline' }, svg, h('div', { class: 'line' }, told, h('span', {}, h('span', { class: 'key' }, h('i'), 'events'), h('span', { class: 'key' }, h('i', { class: 'refused' }), 'refused'), h('span', { class: 'key' }, h('i', { class: 'detected' }), 'detections'))));
}
