/**
 * What a page's own thread may do with a run of pre-training, and Node alike: by the built package, a tiny encoder on drawn
 * images. Plain JavaScript, because it runs as it is.
 */
import {
  describeDrawn,
  describeEncoder,
  embedImages,
  exportOnnx,
  factsOf,
  importEncoder,
  knnOfCheckpoint,
  linearOfCheckpoint,
  loadCheckpoint,
  MocoError,
  PauseSwitch,
  pretrain,
  resolveConfig,
} from '../../dist/index.js';

const ENCODER = { arch: 'resnet18', width: 4, imageSize: 16, dim: 16 };
const TRAINING = { batchSize: 16, groups: 2, queueSize: 64, steps: 5, seed: 0 };
const BACKEND = { backend: 'wasm', adapter: null, reason: 'asked for' };

const data = await describeDrawn(80, 16, ENCODER.imageSize, 0);
const config = resolveConfig('moco-v2', { ...ENCODER, ...TRAINING }, factsOf(data));
const run = (options = {}) => pretrain({ config, data, backend: BACKEND, workers: 1, ...options });

const inWords = (error) => (error instanceof MocoError ? `${error.code}: ${error.message}` : String(error));

/** Reads a run to its end. @returns types of events (steps with their numbers), losses, an error in words */
async function followed(events, told = () => {}) {
  const seen = { told: [], losses: [], end: null, error: null };
  try {
    for await (const event of events) {
      // What explains the numbers comes in between.
      if (event.type === 'notice' && event.about) continue;
      if (event.type === 'end') {
        seen.end = event.reason;
        continue;
      }
      seen.told.push(event.type === 'step' ? `step ${event.step}` : event.type);
      if (event.type === 'step') seen.losses.push(event.loss);
      await told(event);
    }
  } catch (error) {
    seen.error = inWords(error);
  }
  return seen;
}

export const trained = () => followed(run());

/** A run that a configuration of the wrong size ends. */
export const refused = () => followed(run({ config: { ...config, batchSize: 1000 } }));

export const endedBefore = () => followed(run({ signal: AbortSignal.abort() }));

export function endedAfter(step) {
  const stop = new AbortController();
  return followed(run({ signal: stop.signal }), (event) => {
    if (event.step === step) stop.abort();
  });
}

/** Paused from the start, looked at for a while, and gone on with; paused again while step 3 is awaited. */
export async function paused() {
  const pause = new PauseSwitch();
  pause.pause();
  const events = run({ pause });
  const seen = { duringFirst: [], duringSecond: [], losses: [] };
  let during = seen.duringFirst;
  const goOnLater = () =>
    setTimeout(() => {
      during = null;
      pause.resume();
    }, 800);
  const following = await followed(events, (event) => {
    during?.push(event.type);
    if (event.type === 'run') goOnLater();
    if (event.step !== 2) return;
    during = seen.duringSecond;
    // The next event is being asked for by then.
    setTimeout(() => pause.pause());
    goOnLater();
  });
  return { ...seen, ...following };
}

/** Paused after step 2, and ended while it is. */
export function endedInPause() {
  const stop = new AbortController();
  const pause = new PauseSwitch();
  return followed(run({ signal: stop.signal, pause }), (event) => {
    if (event.step !== 2) return;
    pause.pause();
    setTimeout(() => stop.abort(), 300);
  });
}

/** A loop over the events is left by `break` or by an error of its own. */
export async function leftEarly(how) {
  try {
    for await (const { step } of run()) {
      if (step !== 2) continue;
      if (how === 'break') break;
      throw new Error('an error of the page');
    }
    return 'left';
  } catch (error) {
    return error.message;
  }
}

let held = null;
/** Begins a run, reads two events and leaves it standing. */
export async function begin() {
  held = run();
  const types = [];
  while (types.at(-1) !== 'step') types.push((await held.next()).value.type);
  return types;
}
/** Reads on in the run that `begin` left. */
export const goOn = () => followed(held);

/**
 * A run, its checkpoint loaded, exported, the export read as an encoder, and the run gone on with from the checkpoint. Its
 * tensors, 8 MB, do not go in one message.
 */
export async function filesOf(out) {
  const wide = resolveConfig('moco-v2', { ...ENCODER, ...TRAINING, width: 16, steps: 2 }, factsOf(data));
  await followed(run({ config: wide, out }));
  const checkpoint = await loadCheckpoint(out);
  const bytes = await exportOnnx(checkpoint, 'head');
  const { values, notes } = await importEncoder(bytes, wide);
  const goneOn = await followed(run({ config: { ...wide, steps: 3 }, resume: checkpoint }));
  const sums = [...values].map(([name, { length }]) => `${name} ${length}`);
  const tensors = [...checkpoint.tensors].map(([name, { shape }]) => `${name} ${shape}`);
  const file = { sha256: await sha256(bytes), byteLength: bytes.byteLength };
  return { goneOn, tensors, file, sums, notes, ...(await describeEncoder(bytes)) };
}

const sha256 = async (bytes) => Array.from(new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)));

export const nothingThere = () => loadCheckpoint('nothing').catch(inWords);

/** Embeddings by a checkpoint of `out`, kNN and linear classification by the same one. */
export async function evaluated(out) {
  await followed(run({ out }));
  // Linear classification is on the backbone always, and takes no `features`.
  const whole = { checkpoint: await loadCheckpoint(out), data, backend: 'wasm', workers: 1 };
  const job = { ...whole, features: 'head' };
  const rows = [];
  for await (const { vector, ...row } of embedImages(job)) rows.push({ ...row, vector: [...vector] });
  const linear = [];
  for (const cache of [true, false]) {
    const settings = { epochs: 2, learningRate: 1, batchSize: 32, cache };
    for await (const event of linearOfCheckpoint({ ...whole, ...settings })) linear.push(event);
  }
  return { rows, knn: await knnOfCheckpoint(job, 20, 0.1), linear };
}

/** Embeddings by a checkpoint of `out` that has lost the weights of its first layer. */
export async function embeddingError(out) {
  const checkpoint = await loadCheckpoint(out);
  const tensors = new Map(checkpoint.tensors);
  tensors.delete('encoder_q.conv1.weight');
  const job = { checkpoint: { ...checkpoint, tensors }, data, backend: 'wasm', workers: 1, features: 'head' };
  return followed(embedImages(job));
}
