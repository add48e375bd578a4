/** How fast training steps are, and where their time goes. */
import { describeDrawn } from '../data/dataset.ts';
import { networkOf } from '../models/choose-network.ts';
import type { ImportedEncoder } from '../models/imported-encoder.ts';
import { initialState } from '../models/initial-state.ts';
import { forwardFlops } from '../onnx/flops.ts';
import { buildNetwork } from '../onnx/network.ts';
import { Random, STREAMS } from '../random.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import { type WorkerCounts, workerCounts } from '../scheduler/worker-counts.ts';
import type { PretrainConfig } from './configure.ts';
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

export interface MeasureOptions extends WorkerCounts {
  config: PretrainConfig;
  backend: 'wasm' | 'webgpu';
  /** Of a configuration that names an ONNX file: from `importEncoder`. */
  encoder?: ImportedEncoder;
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
    ...workerCounts(options),
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

/** Adds up the time in which at least one thing is under way. */
class Stopwatch {
  /** Seconds. */
  total = 0;
  #running = 0;
  #started = 0;

  start(): void {
    if (this.#running++ === 0) this.#started = performance.now();
  }

  stop(): void {
    if (--this.#running === 0) this.total += (performance.now() - this.#started) / 1000;
  }
}

/** Wall-clock time of the phases: keys from the first call to the last answer, queries from then on. */
class PhaseClock {
  readonly encoders: GroupEncoders;
  readonly keys = new Stopwatch();
  readonly queries = new Stopwatch();
  readonly loss = new Stopwatch();

  constructor(encoders: GroupEncoders) {
    this.encoders = {
      parallel: encoders.parallel,
      memory: encoders.memory,
      attachWeights: (query, key) => encoders.attachWeights(query, key),
      weightsChanged: (role) => encoders.weightsChanged(role),
      forwardKey: async (images, done) => {
        this.keys.start();
        try {
          return await encoders.forwardKey(images, done);
        } finally {
          this.keys.stop();
        }
      },
      trainQuery: async (images, keys, loss) => {
        // Queries that are encoded while the last keys are count with these.
        const started = keys.then(() => this.queries.start());
        try {
          return await encoders.trainQuery(images, keys, (embedding) => {
            this.loss.start();
            const gradient = loss(embedding);
            this.loss.stop();
            return gradient;
          });
        } finally {
          await started;
          this.queries.stop();
        }
      },
      setInferenceWeights: (values) => encoders.setInferenceWeights(values),
      embed: (images) => encoders.embed(images),
      dispose: () => encoders.dispose(),
    };
  }

  reset(): void {
    for (const watch of [this.keys, this.queries, this.loss]) watch.total = 0;
  }
}

/** Mean seconds a step by phase; what no phase covers is the update of weights, queue and statistics. */
function phases(clock: PhaseClock | null, times: readonly number[]): Record<string, number> {
  if (!clock) return {};
  const mean = (total: number) => total / times.length;
  const [keys, queries] = [mean(clock.keys.total), mean(clock.queries.total)];
  return {
    'key forward': keys,
    'query forward and backward': queries,
    'of which loss': mean(clock.loss.total),
    'update of weights and queue': mean(times.reduce((sum, time) => sum + time, 0)) - keys - queries,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
