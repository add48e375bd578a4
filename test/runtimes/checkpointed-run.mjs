/**
 * A run with checkpoints, for pages and Node alike: a tiny encoder on drawn images, by the built package. Plain
 * JavaScript, because it runs as it is.
 */
import {
  chooseBackend,
  describeDrawn,
  exportOnnx,
  factsOf,
  loadCheckpoint,
  MocoError,
  pretrain,
  resolveConfig,
} from '../../dist/index.js';

const ENCODER = { arch: 'resnet18', width: 4, imageSize: 16, dim: 16 };
const TRAINING = { batchSize: 16, groups: 2, queueSize: 64, epochs: 4, seed: 0 };

/**
 * Trains up to step `steps`, from the newest checkpoint of `out` where there is one.
 * @param {{ out: string, steps?: number, checkpointEvery?: number }} options
 * @param {(step: number) => unknown} told called after each step, and waited for
 * @returns losses of the steps taken, and the step it went on from
 */
export async function train({ out, steps, checkpointEvery }, told = () => {}) {
  const data = await describeDrawn(80, 16, ENCODER.imageSize, 0);
  const resume = await loadCheckpoint(out).catch((error) => {
    if (!/no such folder|expected state.json/.test(error.message)) throw error;
  });
  const config = resume?.state.config ?? resolveConfig('moco-v2', { ...ENCODER, ...TRAINING }, factsOf(data));
  const stop = new AbortController();
  const run = { config, data, backend: await chooseBackend('wasm'), workers: 1, out };
  const losses = [];
  let checkpoint = null;
  const events = pretrain({
    ...run,
    signal: stop.signal,
    ...(checkpointEvery ? { checkpointEvery } : {}),
    ...(resume ? { resume } : {}),
  });
  for await (const event of events) {
    if (event.type === 'checkpoint') checkpoint = event.path;
    if (event.type !== 'step') continue;
    losses.push(event.loss);
    await told(event.step);
    if (event.step === steps) stop.abort();
  }
  return { from: resume?.state.step ?? 0, losses, checkpoint };
}

/** `train`, whose error becomes `code: message`. */
export async function trainOrError(options) {
  try {
    return await train(options);
  } catch (error) {
    return { error: error instanceof MocoError ? `${error.code}: ${error.message}` : String(error.stack) };
  }
}

/** The step of the newest checkpoint of a run, and the size of its encoder as an ONNX file. */
export async function lookAt(out) {
  const checkpoint = await loadCheckpoint(out);
  return { step: checkpoint.state.step, onnxBytes: (await exportOnnx(checkpoint, 'head')).byteLength };
}
