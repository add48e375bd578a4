import { parseLog, type RunRecord } from '../../src/report/run-record.ts';
import { resolveConfig } from '../../src/train/configure.ts';

export const CONFIG = resolveConfig('moco-cifar', {
  ...{ width: 4, dim: 16, batchSize: 16, groups: 2, queueSize: 64, epochs: 2 },
});

export const runLine = (config: object = CONFIG): string =>
  JSON.stringify({
    ...{ type: 'run', config, versions: { 'moco-web': '0.1.0' }, backend: 'wasm', adapter: null },
  });

/** Numbers of a step that no other step has. */
export const stepLine = (step: number, perEpoch = 5): string =>
  JSON.stringify({
    ...{ type: 'step', step, epoch: Math.floor((step - 1) / perEpoch), loss: 4 + 1 / step, acc1: step % 50 },
    ...{ acc5: 50, lr: 0.1, imagesPerSecond: 32, embeddingStd: 0.2 },
  });

export const knnLines = (epoch: number, top1: number): string[] =>
  ['backbone', 'head'].map((features) =>
    JSON.stringify({ type: 'knn', epoch, top1, k: 200, t: 0.1, features }),
  );

/** A run of so many steps on 80 images, measured before and after. */
export function exampleRun(steps: number, more: Partial<RunRecord> = {}): RunRecord {
  const lines = Array.from({ length: steps }, (_, i) => stepLine(i + 1));
  const log = parseLog([runLine(), ...knnLines(0, 12.5), ...lines, ...knnLines(1, 25)].join('\n'));
  return {
    ...log,
    name: 'run',
    data: { kind: 'drawn', path: null, images: 80, classes: ['disc', 'ring'] },
    neighbors: null,
    map: null,
    ...more,
  };
}
