/** How fast training steps are, and where their time goes. */

import { describeDrawn } from '../data/dataset.ts';
import type { DeviceArray } from '../kernels/device-array.ts';
import { methodNamed } from '../methods/registry.ts';
import { networkOf } from '../models/choose-network.ts';
import type { ImportedEncoder } from '../models/imported-encoder.ts';
import { forwardFlops } from '../onnx/flops.ts';
import { buildNetwork } from '../onnx/network.ts';
import { Random, STREAMS } from '../random.ts';
import type { Backend } from '../runtime/backend.ts';
import type { GroupEncoders } from '../scheduler/group-encoders.ts';
import { type WorkerCounts, workerCounts } from '../scheduler/worker-counts.ts';
import type { PretrainConfig } from './configure.ts';
import type { MakeViews } from './group-views.ts';
import { permutationsOf } from './permutations.ts';
import { openSession } from './session.ts';

export interface StepMeasurement {
  /** The whole step on images in memory: the batch over the median wall-clock time of a step. */
  imagesPerSecond: number;
  /** The same with drawn images that data workers decode and augment. */
  imagesPerSecondWithAugmentation: number;
  /** Floating-point operations of one image in one step: of MoCo key forward, query forward and backward. */
  flopsPerImage: number;
  /** Where the time of a step on images in memory goes: wall-clock seconds by phase. */
  seconds: Readonly<Record<string, number>>;
  /** How many groups went through the network in one run. */
  groupsAtOnce: number;
}

export interface MeasureOptions extends WorkerCounts {
  config: PretrainConfig;
  backend: Backend;
  /** Of a configuration that names an ONNX file: from `importEncoder`. */
  encoder?: ImportedEncoder;
  /** Folder for the graphs that are run, see dump-graphs.ts. */
  dumpGraphs?: string | undefined;
  /** WebGPU: how many groups go through the network in one run; by default as many as fit. */
  groupsAtOnce?: number | undefined;
  /** Timed steps, after one that warms up. */
  steps: number;
}

/**
 * What `moco-web bench` tells: the speed of whole training steps, on random images in memory and on drawn ones that are decoded and
 * augmented. Works where it is called: in a page, call it in a worker.
 * @throws MocoError usage (the configuration), backend-unavailable, out-of-memory, worker-died, device-lost
 */
export async function measureStep(options: MeasureOptions): Promise<StepMeasurement> {
  const { config, steps } = options;
  const data = await describeDrawn(2 * config.batchSize, 1, config.imageSize, 0);
  let clock: PhaseClock | null = null;
  const session = await openSession({
    config,
    data,
    backend: options.backend,
    ...workerCounts(options),
    dumpGraphs: options.dumpGraphs,
    groupsAtOnce: options.groupsAtOnce ?? null,
    network: options.encoder?.network ?? null,
    saved: null,
    given: options.encoder?.values,
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
        const input = { step, learningRate: 1e-3, permutation: permutationsOf(config, step), views };
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
      return session.views.views(step, positions, stream);
    });
    // Runs of groups that were only encoded, and those that were trained on, with a backward of twice the forward.
    const { forwards, trainings } = clock as unknown as PhaseClock;
    const runs = (forwards + 3 * trainings) / (2 * (steps + 1));
    const { groupsAtOnce } = session.encoders.plan;
    const rows = ((methodNamed(config.method).viewsTogether ?? 1) * groupsAtOnce) / config.groups;
    const spec = networkOf(config, options.encoder?.network);
    const flopsPerImage = runs * rows * forwardFlops(buildNetwork(spec, 1, config.imageSize).graph);
    return {
      imagesPerSecond: config.batchSize / median(inMemory),
      imagesPerSecondWithAugmentation: config.batchSize / median(augmented),
      flopsPerImage,
      seconds,
      groupsAtOnce,
    };
  } finally {
    await session.dispose();
  }
}

/** Standard normal images, as normalized ones about are; each group gets a copy, as workers take them away. */
function imagesInMemory(config: PretrainConfig): MakeViews {
  const random = new Random({ seed: 0, stream: STREAMS.drawnImage });
  const group = new Float32Array((config.batchSize / config.groups) * 3 * config.imageSize ** 2);
  for (let i = 0; i < group.length; i++) group[i] = random.normal();
  return async (_stream, positions) => ({
    images: group.slice(),
    labels: Int32Array.from(positions, (position) => position % config.dim),
  });
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

/** Wall-clock time of the phases: forward from the first call to the last answer, training from then on. */
class PhaseClock {
  readonly encoders: GroupEncoders;
  readonly forward = new Stopwatch();
  readonly training = new Stopwatch();
  readonly loss = new Stopwatch();
  /** Calls in all. */
  forwards = 0;
  trainings = 0;

  constructor(encoders: GroupEncoders) {
    this.encoders = {
      parallel: encoders.parallel,
      plan: encoders.plan,
      attachWeights: (encoder, weights) => encoders.attachWeights(encoder, weights),
      weightsChanged: (encoder) => encoders.weightsChanged(encoder),
      forward: async (encoder, images, done) => {
        this.forwards++;
        this.forward.start();
        try {
          return await encoders.forward(encoder, images, done);
        } finally {
          this.forward.stop();
        }
      },
      train: async (encoder, images, ready, loss, sum, embedded) => {
        this.trainings++;
        // What is encoded while the last forward runs are counts with these.
        const started = ready.then(() => this.training.start());
        try {
          const timed = (embedding: DeviceArray) => {
            this.loss.start();
            const gradient = loss(embedding);
            this.loss.stop();
            return gradient;
          };
          return await encoders.train(encoder, images, ready, timed, sum, embedded);
        } finally {
          await started;
          this.training.stop();
        }
      },
      setInferenceWeights: (values) => encoders.setInferenceWeights(values),
      embed: (images) => encoders.embed(images),
      dispose: () => encoders.dispose(),
    };
  }

  reset(): void {
    for (const watch of [this.forward, this.training, this.loss]) watch.total = 0;
  }
}

/** Mean seconds a step by phase; what no phase covers is the update of weights, queue and statistics. */
function phases(clock: PhaseClock | null, times: readonly number[]): Record<string, number> {
  if (!clock) return {};
  const mean = (total: number) => total / times.length;
  const [forward, training] = [mean(clock.forward.total), mean(clock.training.total)];
  return {
    'forward alone': forward,
    'forward and backward': training,
    'of which loss': mean(clock.loss.total),
    'update of the state': mean(times.reduce((sum, time) => sum + time, 0)) - forward - training,
  };
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
