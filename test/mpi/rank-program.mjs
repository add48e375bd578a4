/** A program of one's own that every rank runs, as docs/distributed.md has it: its losses, from rank 0. */
import { describeDrawn, factsOf, joinRanks, pretrain, resolveConfig } from '../../dist/index.js';

const ranks = process.argv.includes('--alone') ? undefined : await joinRanks();
const data = await describeDrawn(64, 16, 16, 0);
const shape = { width: 4, imageSize: 16, batchSize: 16, groups: 4, queueSize: 64, warmup: 0, steps: 3 };
const config = resolveConfig('moco-cifar', shape, factsOf(data));
for await (const event of pretrain({ config, data, backend: 'wasm', workers: 1, dataWorkers: 1, ranks })) {
  if (event.type === 'step' && !ranks?.rank) console.log(`loss ${event.loss}`);
}
await ranks?.leave();
