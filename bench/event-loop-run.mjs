// The training whose effect on a page bench/event-loop.mjs measures; on the page's main thread or as a module worker.
import { chooseBackend, describeDrawn, factsOf, pretrain, resolveConfig } from '../dist/index.js';

const ENCODER = { arch: 'resnet18', width: 16, imageSize: 32 };
const TRAINING = { batchSize: 64, groups: 8, seed: 0 };

/** Calls `told` after each step, with images/s. */
export async function train({ steps, queueSize }, told) {
  const data = await describeDrawn(512, 16, ENCODER.imageSize, 0);
  const config = resolveConfig('moco-v2', { ...ENCODER, ...TRAINING, queueSize, steps }, factsOf(data));
  const backend = await chooseBackend('wasm');
  for await (const event of pretrain({ config, data, backend, workers: 1 })) {
    if (event.type === 'step') told(event.step, event.imagesPerSecond);
  }
}

if (typeof document === 'undefined') {
  addEventListener('message', async ({ data }) => {
    await train(data, (step, imagesPerSecond) => postMessage({ step, imagesPerSecond }));
    postMessage(null);
  });
}
