// Lets a run (or what comes after it) end in one of several ways; its outcome goes to stdout as JSON. Nothing here ends the
// process: it has to exit by itself, in Node and in Deno, and does so only when no worker is alive.
// Arguments: the ending, and an empty folder.
import {
  describeDrawn,
  embedImages,
  factsOf,
  knnOfCheckpoint,
  loadCheckpoint,
  pretrain,
  resolveConfig,
} from '../../dist/index.js';

const [ending, folder] = process.argv.slice(2);
const data = await describeDrawn(16, 8, 16, 0);
const shape = { arch: 'resnet18', width: 1, imageSize: 16, dim: 8, batchSize: 8, groups: 2, queueSize: 16 };

/** Workers that keep this process alive, once what was ended is gone; null where the runtime does not tell (Deno). */
async function workers() {
  if (globalThis.Deno) return null;
  await new Promise((resolve) => setTimeout(resolve, 100));
  return process.getActiveResourcesInfo().filter((name) => name === 'MessagePort').length;
}

/** @param onStep may return true to leave the loop */
async function run(options = {}, overrides = {}, onStep = () => false) {
  const config = resolveConfig('moco-v2', { ...shape, steps: 3, seed: 0, ...overrides }, factsOf(data));
  const outcome = { steps: 0, during: null, error: null };
  try {
    for await (const event of pretrain({ config, data, workers: 2, ...options })) {
      if (event.type !== 'step') continue;
      outcome.steps++;
      outcome.during = await workers();
      if (onStep()) break;
    }
  } catch (error) {
    outcome.error = error.code;
  }
  return outcome;
}

const endings = {
  whole: () => run(),
  left: () => run({}, {}, () => true),
  failed: () => run({}, { learningRate: 1e30, steps: 9 }),
  aborted() {
    const controller = new AbortController();
    return run({ signal: controller.signal }, {}, () => controller.abort());
  },
  async checkpoint() {
    await run({ out: folder });
    const job = { checkpoint: await loadCheckpoint(folder), data, backend: 'wasm', workers: 2 };
    const outcome = { rows: 0, left: 0, during: null, bank: 0 };
    for await (const _ of embedImages({ ...job, features: 'backbone' })) outcome.rows++;
    for await (const _ of embedImages({ ...job, features: 'head' })) {
      outcome.left++;
      outcome.during = await workers();
      break;
    }
    outcome.bank = (await knnOfCheckpoint({ ...job, features: 'backbone' }, 3, 0.1)).bank;
    return outcome;
  },
};
const outcome = await endings[ending]();
console.log(JSON.stringify({ ...outcome, after: await workers() }));
