/**
 * How late timers of a page are while it trains (Chromium, wasm): `npm run build && node bench/event-loop.mjs [steps
 * [queue size]]`. Called on the page's main thread, `pretrain` trains in a worker; the longer the queue, the longer the
 * kernels would keep the page waiting (65536 is that of the paper).
 * A timer is due every 10 ms; those that a long task keeps waiting count each, so percentiles are those of time. Timers
 * are also late where other programs have the cores; `longest task` is processor time, which does not count that.
 */
import { openBrowser } from './browser.mjs';

const STEPS = Number(process.argv[2] ?? 12);
const QUEUE_SIZE = Number(process.argv[3] ?? 4096);
const IDLE_MS = 5000;
const WIDTH = 18;
const TRACED = ['__metadata', 'toplevel', 'blink.user_timing', 'disabled-by-default-devtools.timeline'];

/** In the page. The steps after the first are probed; `start` is what comes before, which compiles and loads. */
async function probe({ where, training, idleMs }) {
  const EVERY = 10;
  let late = [];
  let due = performance.now() + EVERY;
  let on = true;
  const tick = () => {
    const now = performance.now();
    for (; due <= now; due += EVERY) late.push(now - due);
    if (on) setTimeout(tick, due - now);
  };
  setTimeout(tick, EVERY);
  let start = [];
  const speeds = [];
  const told = (step, imagesPerSecond) => {
    if (step === 1) {
      performance.mark('first step');
      [start, late] = [late, []];
    } else speeds.push(imagesPerSecond);
  };
  if (where === 'idle') {
    performance.mark('first step');
    await new Promise((resolve) => setTimeout(resolve, idleMs));
  } else if (where === 'main thread') await (await import('/bench/event-loop-run.mjs')).train(training, told);
  else {
    const worker = new Worker('/bench/event-loop-run.mjs', { type: 'module' });
    await new Promise((resolve) => {
      worker.onmessage = ({ data }) => (data ? told(data.step, data.imagesPerSecond) : resolve());
      worker.postMessage(training);
    });
    worker.terminate();
  }
  on = false;
  return { start, late, speeds };
}

/** Longest task of the page's main thread before and after `split` (ms, the trace's clock), in ms of its processor time. */
function longestTasks(trace, split) {
  const { traceEvents } = JSON.parse(trace.toString());
  const main = traceEvents
    .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
    .map(({ pid, tid }) => `${pid} ${tid}`);
  const longest = [0, 0];
  for (const { name, pid, tid, ts, tdur } of traceEvents) {
    if (!name.endsWith('RunTask') || tdur === undefined || !main.includes(`${pid} ${tid}`)) continue;
    const part = ts < split ? 0 : 1;
    longest[part] = Math.max(longest[part], tdur / 1000);
  }
  return longest;
}

/** When the page marked the end of its first step (idle: its start), in the trace's clock. */
function markOf(trace) {
  const { traceEvents } = JSON.parse(trace.toString());
  return traceEvents.find(({ name }) => name === 'first step')?.ts ?? 0;
}

const sorted = (values) => [...values].sort((a, b) => a - b);
const at = (values, fraction) =>
  values[Math.min(values.length - 1, Math.floor(fraction * values.length))] ?? 0;

const { browser, url, close } = await openBrowser();
try {
  const columns = 'training,late: median ms,99 %,longest,longest at start,longest task ms,at start,images/s';
  console.log(
    columns
      .split(',')
      .map((name) => name.padEnd(WIDTH))
      .join(''),
  );
  for (const where of ['idle', 'main thread', 'module worker']) {
    const page = await browser.newPage();
    const scripts = [];
    page.on('worker', (worker) => scripts.push(new URL(worker.url()).pathname));
    await page.goto(url);
    await browser.startTracing(page, { categories: TRACED });
    const given = { where, training: { steps: STEPS, queueSize: QUEUE_SIZE }, idleMs: IDLE_MS };
    const { start, late, speeds } = await page.evaluate(probe, given);
    if (where === 'main thread' && !scripts.includes('/dist/job-worker.js')) {
      throw new Error('pretrain, called on the main thread of a page, trained there');
    }
    const trace = await browser.stopTracing();
    const [taskAtStart, task] = longestTasks(trace, markOf(trace)).map((ms) => ms.toFixed(1));
    const values = sorted(late);
    const [median, high, longest] = [0.5, 0.99, 1].map((fraction) => at(values, fraction).toFixed(1));
    const atStart = start.length > 0 ? at(sorted(start), 1).toFixed(1) : '–';
    const speed = speeds.length > 0 ? at(sorted(speeds), 0.5).toFixed(1) : '–';
    const row = [where, median, high, longest, atStart, task, taskAtStart, speed];
    console.log(row.map((text) => text.padEnd(WIDTH)).join(''));
    await page.close();
  }
} finally {
  await close();
}
