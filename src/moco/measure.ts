/** How fast training steps are, and where their time goes. */
import { describeDrawn } from '../data/dataset.ts';
import { forwardFlops } from '../onnx/flops.ts';
import { buildNetwork } from '../onnx/network.ts';
import { Random, STREAMS } from '../random.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import type { PretrainConfig } from './config.ts';
import type { ImportedEncoder } from './imported-encoder.ts';
import { initialState } from './initial-state.ts';
import { networkOf } from './network.ts';
import { openSession } from './session.ts';
import type { MakeViews } from './trainer.ts';

export interface StepMeasurement {
  /** The whole step on images in memory: the batch over the median wall-clock time of a step. */
  imagesPerSecond: number;
  /** The same with drawn images that data workers decode and augment. */
  imagesPerSecondWithAugmentation: number;
  /** Floating-point operations of one image in one step: key forward, query forward and backward. */
  flopsPerImage: number;
  /** Where the time of a step on images in memory goes: wall-clock seconds by phase. */
  seconds: Readonly<Record<string, number>>;
}

export interface MeasureOptions {
  config: PretrainConfig;
  backend: 'wasm' | 'webgpu';
  /** Of a configuration that names an ONNX file: from `importEncoder`. */
  encoder?: ImportedEncoder;
  workers?: number;
  /** Timed steps, after one that warms up. */
  steps: number;
}

/** @throws MocoError as openSession and Trainer.step do */
export async function measureStep(options: MeasureOptions): Promise<StepMeasurement> {
  const { config, steps } = options;
  const data = await describeDrawn(2 * config.batchSize, 1, config.imageSize, 0);
  let clock: PhaseClock | null = null;
  const session = await openSession({
    config,
    data,
    backend: options.backend,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    network: options.encoder?.network ?? null,
    state: (layout) => initialState(layout, config.seed, options.encoder?.values),
    observe: (encoders) => {
      clock = new PhaseClock(encoders);
      return clock.encoders;
    },
  });
  try {
    let step = 0;
    const time = async (views: MakeViews): Promise<number[]> => {
      const times: number[] = [];
      let previous: Promise<unknown> = Promise.resolve();
      let start = performance.now();
      for (let i = 0; i <= steps; i++) {
        step++;
        const shuffle = new Random({ seed: config.seed, stream: STREAMS.keyShuffle, image: step });
        const input = { step, learningRate: 1e-3, shuffle: shuffle.permutation(config.batchSize), views };
        if (i === 1) clock?.reset();
        const issued = await session.trainer.step(input);
        // As in training: a step is waited for when the next one has been issued.
        await previous;
        previous = issued.result;
        const now = performance.now();
        if (i > 0) times.push((now - start) / 1000);
        start = now;
      }
      await previous;
      return times;
    };
    const inMemory = await time(imagesInMemory(config));
    const seconds = phases(clock as PhaseClock | null, inMemory);
    const augmented = await time(async (stream, positions) => {
      return (await session.views.views(step, positions, stream)).images;
    });
    // Key forward, query forward, and a backward of twice the forward, but for the image gradient that nobody needs.
    const spec = networkOf(config, options.encoder?.network);
    const flopsPerImage = 4 * forwardFlops(buildNetwork(spec, 1, config.imageSize).graph);
    return {
      imagesPerSecond: config.batchSize / median(inMemory),
      imagesPerSecondWithAugmentation: config.batchSize / median(augmented),
      flopsPerImage,
      seconds,
    };
  } finally {
    await session.dispose();
  }
}

/** Standard normal images, as normalised ones about are; each group gets a copy, as workers take them away. */
function imagesInMemory(config: PretrainConfig): MakeViews {
  const random = new Random({ seed: 0, stream: STREAMS.drawnImage });
  const group = new Float32Array((config.batchSize / config.groups) * 3 * config.imageSize ** 2);
  for (let i = 0; i < group.length; i++) group[i] = random.normal();
  return async () => group.slice();
}

/** Wall-clock time between the first call of a phase in a step and its last answer. */
class PhaseClock {
  readonly encoders: GroupEncoders;
  readonly totals = { 'key forward': 0, 'query forward and backward': 0, 'of which loss': 0 };
  #running = 0;
  #started = 0;

  constructor(encoders: GroupEncoders) {
    const phase = async <T>(name: keyof typeof this.totals, task: () => Promise<T>): Promise<T> => {
      if (this.#running++ === 0) this.#started = performance.now();
      try {
        return await task();
      } finally {
        if (--this.#running === 0) this.totals[name] += (performance.now() - this.#started) / 1000;
      }
    };
    this.encoders = {
      parallel: encoders.parallel,
      memory: encoders.memory,
      attachWeights: (query, key) => encoders.attachWeights(query, key),
      weightsChanged: (role) => encoders.weightsChanged(role),
      forwardKey: (images, done) => phase('key forward', () => encoders.forwardKey(images, done)),
      trainQuery: (images, loss) =>
        phase('query forward and backward', () =>
          encoders.trainQuery(images, (embedding) => {
            const start = performance.now();
            const gradient = loss(embedding);
            this.totals['of which loss'] += (performance.now() - start) / 1000;
            return gradient;
          }),
        ),
      setInferenceWeights: (values) => encoders.setInferenceWeights(values),
      embed: (images) => encoders.embed(images),
      dispose: () => encoders.dispose(),
    };
  }

  reset(): void {
    for (const name of Object.keys(this.totals) as (keyof typeof this.totals)[]) this.totals[name] = 0;
  }
}

/** Mean seconds a step by phase; what no phase covers is the update of weights, queue and statistics. */
function phases(clock: PhaseClock | null, times: readonly number[]): Record<string, number> {
  if (!clock) return {};
  const perStep = Object.fromEntries(
    Object.entries(clock.totals).map(([name, total]) => [name, total / times.length]),
  );
  const step = times.reduce((sum, time) => sum + time, 0) / times.length;
  const covered = clock.totals['key forward'] + clock.totals['query forward and backward'];
  return { ...perStep, 'update of weights and queue': step - covered / times.length };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
