/**
 * How long a page is kept waiting by a checkpoint: `npm run build && node bench/event-loop-files.mjs [arch [times]]`. Medians
 * of the longest pause of the page's main thread while a checkpoint is loaded, exported, gone on with, and its export read;
 * `plain copy` is the peer: the same checkpoint posted to a worker as it is. Idle is what this machine does anyway.
 */
import { openBrowser } from './browser.mjs';

const ARCH = process.argv[2] ?? 'resnet18';
const TIMES = Number(process.argv[3] ?? 5);

/** In the page. @returns by name, [longest pause, duration] in ms of each time */
async function probe({ arch, times }) {
  const {
    chooseBackend,
    describeDrawn,
    exportOnnx,
    factsOf,
    importEncoder,
    loadCheckpoint,
    pretrain,
    resolveConfig,
  } = await import('/dist/index.js');
  const { port1, port2 } = new MessageChannel();
  let [longest, last] = [0, 0];
  const look = () => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  };
  port1.onmessage = () => {
    look();
    port2.postMessage(null);
  };
  port2.postMessage(null);
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  const rows = {};
  async function measure(name, task) {
    await wait(300);
    [longest, last] = [0, performance.now()];
    const start = last;
    const result = await task();
    look();
    rows[name] = [...(rows[name] ?? []), [longest, performance.now() - start]];
    return result;
  }

  const size = 32;
  const data = await describeDrawn(64, 8, size, 0);
  const options = { arch, imageSize: size, batchSize: 8, groups: 1, queueSize: 4096, steps: 1, seed: 0 };
  const config = resolveConfig('moco-v2', options, factsOf(data));
  const run = { data, backend: await chooseBackend('wasm'), workers: 1 };
  for await (const _ of pretrain({ ...run, config, out: 'run' }));
  const worker = new Worker(URL.createObjectURL(new Blob(['onmessage = () => postMessage(0)'])));
  for (let time = 0; time < times; time++) {
    await measure('idle', () => wait(500));
    const checkpoint = await measure('loadCheckpoint', () => loadCheckpoint('run'));
    const bytes = await measure('exportOnnx', () => exportOnnx(checkpoint, 'head'));
    await measure('importEncoder', () => importEncoder(bytes, config));
    await measure('pretrain, resumed', async () => {
      const resumed = pretrain({ ...run, config: { ...config, steps: 2 }, resume: checkpoint });
      for await (const event of resumed) if (event.type === 'run') return;
    });
    await measure('plain copy', async () => {
      const heard = new Promise((resolve) => {
        worker.onmessage = resolve;
      });
      worker.postMessage(checkpoint);
      await heard;
    });
    // Workers that have done their work are ended a second later.
    await wait(1500);
  }
  const bytes = [...(await loadCheckpoint('run')).tensors.values()].reduce(
    (n, { data }) => n + data.byteLength,
    0,
  );
  return { rows, megabytes: bytes / 1e6 };
}

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const { browser, url, close } = await openBrowser();
try {
  const page = await browser.newPage();
  await page.goto(url);
  const { rows, megabytes } = await page.evaluate(probe, { arch: ARCH, times: TIMES });
  console.log(`${ARCH}: a checkpoint of ${megabytes.toFixed(0)} MB, ${TIMES} times`);
  console.log('                    longest pause: median ms, most     whole: median ms');
  for (const [name, times] of Object.entries(rows)) {
    const pauses = times.map(([pause]) => pause);
    const cells = [median(pauses), Math.max(...pauses), median(times.map(([, whole]) => whole))];
    console.log(name.padEnd(20) + cells.map((ms) => ms.toFixed(1).padStart(20)).join(''));
  }
} finally {
  await close();
}
