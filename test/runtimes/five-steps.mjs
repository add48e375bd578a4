/**
 * One program for every runtime: five steps of a tiny encoder on drawn images, by the public API of the built package.
 * Plain JavaScript, because it runs as it is, in pages too.
 */
import {
  chooseBackend,
  describeDrawn,
  factsOf,
  MocoError,
  pretrain,
  resolveConfig,
} from '../../dist/index.js';

/** A whole step of it is 0.1 GFLOP, in so many small kernels that a software GPU takes 7 to 9 s for it. */
const ENCODER = { arch: 'resnet18', width: 4, imageSize: 16, dim: 16 };
const TRAINING = { steps: 5, seed: 0 };
/** Images of a group. */
const GROUP = 8;

/**
 * @param {import('./runtimes.ts').ProgramOptions} options
 * @returns {Promise<import('./runtimes.ts').FiveSteps>}
 */
export async function fiveSteps({ backend, workers, groups = 2 }) {
  const data = await describeDrawn(80, 16, ENCODER.imageSize, 0);
  const batch = { batchSize: GROUP * groups, groups, queueSize: 4 * GROUP * groups };
  const config = resolveConfig('moco-v2', { ...ENCODER, ...TRAINING, ...batch }, factsOf(data));
  const choice = await chooseBackend(backend);
  const result = { versions: {}, backend: choice.backend, adapter: choice.adapter, losses: [] };
  for await (const event of pretrain({ config, data, backend: choice, workers })) {
    if (event.type === 'run') result.versions = event.versions;
    if (event.type === 'step') result.losses.push(event.loss);
  }
  const isolated = globalThis.crossOriginIsolated ?? null;
  return { ...result, isolated, sharedMemory: typeof SharedArrayBuffer !== 'undefined' };
}

/** Errors as plain data, which pass from workers and processes. */
export async function fiveStepsOrError(options) {
  try {
    return await fiveSteps(options);
  } catch (error) {
    const code = error instanceof MocoError ? `${error.code}: ` : '';
    return { error: `${code}${error instanceof Error ? error.message : error}` };
  }
}
