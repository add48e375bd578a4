/**
 * How late timers of a page are while it trains (Chromium, wasm): `npm run build && node bench/event-loop.mjs [steps]`.
 * A timer is due every 10 ms; those that a long task keeps waiting count each, so percentiles are those of time.
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const STEPS = Number(process.argv[2] ?? 12);
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const IDLE_MS = 5000;

const server = createServer(async (request, response) => {
  const path = normalize(new URL(request.url ?? '/', 'http://localhost').pathname);
  if (path === '/') {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>probe</title>');
    return;
  }
  try {
    const bytes = await readFile(join(ROOT, path));
    response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream' });
    response.end(bytes);
  } catch {
    response.writeHead(404).end();
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));

/** In the page. The steps after the first are probed; `start` is what comes before, which compiles and loads. */
async function probe({ where, steps, idleMs }) {
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
    if (step === 1) [start, late] = [late, []];
    else speeds.push(imagesPerSecond);
  };
  if (where === 'idle') await new Promise((resolve) => setTimeout(resolve, idleMs));
  else if (where === 'main thread') await (await import('/bench/event-loop-run.mjs')).train(steps, told);
  else {
    const worker = new Worker('/bench/event-loop-run.mjs', { type: 'module' });
    await new Promise((resolve) => {
      worker.onmessage = ({ data }) => (data ? told(data.step, data.imagesPerSecond) : resolve());
      worker.postMessage(steps);
    });
    worker.terminate();
  }
  on = false;
  return { start, late, speeds };
}

const sorted = (values) => [...values].sort((a, b) => a - b);
const at = (values, fraction) =>
  values[Math.min(values.length - 1, Math.floor(fraction * values.length))] ?? 0;

const executablePath = process.env.MOCO_CHROMIUM ?? '/usr/bin/chromium';
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
try {
  console.log('training       median ms  99 % ms  longest ms  longest at the start  images/s');
  for (const where of ['idle', 'main thread', 'module worker']) {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const { start, late, speeds } = await page.evaluate(probe, { where, steps: STEPS, idleMs: IDLE_MS });
    const values = sorted(late);
    const [median, high, longest] = [0.5, 0.99, 1].map((fraction) => at(values, fraction).toFixed(1));
    const atStart = start.length > 0 ? at(sorted(start), 1).toFixed(1) : '–';
    const speed = speeds.length > 0 ? at(sorted(speeds), 0.5).toFixed(1) : '–';
    console.log(
      `${where.padEnd(14)} ${median.padStart(9)} ${high.padStart(8)} ${longest.padStart(11)} ${atStart.padStart(21)} ${speed.padStart(9)}`,
    );
    await page.close();
  }
} finally {
  await browser.close();
  server.close();
}
