/** A trainer of a network small enough for tests, on images made from the step and the position alone. */
import { type BackendKernels, openKernels } from '../../src/kernels/open.ts';
import { initialState } from '../../src/models/initial-state.ts';
import { stateLayout } from '../../src/models/layout.ts';
import type { ResNetSpec } from '../../src/onnx/resnet.ts';
import { Random, STREAMS, type Stream } from '../../src/random.ts';
import type { GroupEncoders } from '../../src/scheduler/group-encoders.ts';
import { startEncoders } from '../../src/scheduler/start-encoders.ts';
import { type StateLayout, type TrainerState, toTensors } from '../../src/train/state.ts';
import { type StepInput, Trainer, type TrainerSettings } from '../../src/train/trainer.ts';
import { expectSameBits } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

export const SPEC: ResNetSpec = {
  block: 'basic',
  layers: [1, 1],
  planes: [2, 4],
  stem: 'cifar',
  dim: 4,
  mlp: true,
};
export const SIZE = 8;
export const BATCH = 8;
/** Not a multiple of the batch: the second step wraps around. */
export const QUEUE = 12;
export const LAYOUT: StateLayout = stateLayout(SPEC, SIZE, QUEUE);

export const GROUPS = 4;

const SETTINGS: TrainerSettings = {
  spec: SPEC,
  imageSize: SIZE,
  batchSize: BATCH,
  groups: GROUPS,
  momentum: 0.9,
  temperature: 0.2,
  sgdMomentum: 0.9,
  weightDecay: 1e-3,
};

/** Encoders, which take a second to start (on a GPU half a minute), for any number of trainers one after the other. */
export interface TinyEncoders {
  readonly kernels: BackendKernels;
  readonly encoders: GroupEncoders;
  /** A trainer of its own state; gone with `dispose`. `observe` may stand between it and the encoders. */
  trainer(state?: TrainerState, observe?: (encoders: GroupEncoders) => GroupEncoders): Promise<Trainer>;
  dispose(): Promise<void>;
}

/** @param kernels by default those of wasm; gone with `dispose` all the same */
export async function openTiny(
  workers: number,
  { kernels: opened, prefetch }: { kernels?: BackendKernels; prefetch?: number } = {},
): Promise<TinyEncoders> {
  const kernels = opened ?? (await openKernels('wasm'));
  const options = { spec: SPEC, groupSize: BATCH / GROUPS, imageSize: SIZE };
  const encoders = await startEncoders(kernels, options, { workers, prefetch });
  const trainers: Trainer[] = [];
  return {
    kernels,
    encoders,
    async trainer(state = initialState(LAYOUT, 11), observe = (pool) => pool) {
      const trainer = await Trainer.create(SETTINGS, LAYOUT, state, kernels, observe(encoders));
      trainers.push(trainer);
      return trainer;
    },
    async dispose() {
      for (const trainer of trainers) trainer.dispose();
      await encoders.dispose();
      const left = { arrays: kernels.liveArrays, bytes: kernels.heapBytes };
      kernels.dispose();
      if (left.arrays !== 0 || left.bytes !== 0) throw new Error(`left behind: ${JSON.stringify(left)}`);
    },
  };
}

/** `spoil` may change the images of a stream before they are encoded. */
export function input(
  step: number,
  spoil: (images: Float32Array, stream: Stream, positions: Uint32Array) => void = () => {},
): StepInput {
  return {
    step,
    learningRate: 0.1,
    shuffle: new Random({ seed: 5, stream: STREAMS.shuffle, image: step }).permutation(BATCH),
    async views(stream, positions) {
      const size = 3 * SIZE * SIZE;
      const images = new Float32Array(positions.length * size);
      for (const [row, position] of positions.entries()) {
        const image = normals(size, generator(1000 * step + position));
        const noise = normals(
          size,
          generator(1000 * step + position + (stream === STREAMS.secondView ? 500 : 700)),
          0.3,
        );
        images.set(
          image.map((value, i) => value + noise[i]!),
          row * size,
        );
      }
      spoil(images, stream, positions);
      return images;
    },
  };
}

/** Weights of both encoders, momentum, queue and running statistics, bit for bit, and the pointer. */
export function expectSameState(actual: TrainerState, expected: TrainerState): void {
  const tensors = toTensors(actual, LAYOUT);
  for (const [name, { data }] of toTensors(expected, LAYOUT)) {
    const found = tensors.get(name)!.data;
    if (data instanceof Float32Array) expectSameBits(name, found as Float32Array, data);
    else if (String(found) !== String(data)) throw new Error(`${name} is ${found}, expected ${data}`);
  }
  if (actual.queuePointer !== expected.queuePointer) {
    throw new Error(`the queue pointer is ${actual.queuePointer}, expected ${expected.queuePointer}`);
  }
}
