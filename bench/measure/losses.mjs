/** The losses of the same steps on drawn images, with each backend: do they learn the same? */

export const ENCODERS = {
  whole: { arch: 'resnet18', width: 16, imageSize: 32, dim: 128, batchSize: 64, groups: 2, queueSize: 1024 },
  small: { arch: 'resnet18', width: 4, imageSize: 16, dim: 16, batchSize: 16, groups: 2, queueSize: 64 },
};

/**
 * @param moco the package: `moco-web`
 * @param encoder of ENCODERS
 * @param told {(losses: number[]) => void} those of the steps until now
 * @returns the configuration, and `{ backend, adapter, seconds, losses }`
 */
export async function trainLosses(moco, { encoder, steps, backend }, told = () => {}) {
  const { chooseBackend, describeDrawn, factsOf, pretrain, resolveConfig } = moco;
  const data = await describeDrawn(4 * encoder.batchSize, encoder.batchSize, encoder.imageSize, 0);
  const config = resolveConfig('moco-v2', { ...encoder, steps, seed: 0 }, factsOf(data));
  const chosen = await chooseBackend(backend);
  const losses = [];
  const start = performance.now();
  for await (const event of pretrain({ config, data, backend: chosen })) {
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    told(losses);
  }
  const seconds = (performance.now() - start) / 1000;
  return { config, run: { backend: chosen.backend, adapter: chosen.adapter, seconds, losses } };
}

/** The largest difference of two runs; null where there is one. */
export function largestDifference([first, second]) {
  if (!first || !second) return null;
  const steps = Math.min(first.length, second.length);
  return Math.max(...Array.from({ length: steps }, (_, i) => Math.abs(first[i] - second[i])));
}
