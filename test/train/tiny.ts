/** A trainer of a network small enough for tests, on images made from the step and the position alone. */
import { type BackendKernels, openKernels } from '../../src/kernels/open.ts';
import type { Method } from '../../src/methods/method.ts';
import { moco } from '../../src/methods/moco.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import type { ResNetSpec } from '../../src/onnx/resnet.ts';
import type { Optimizer } from '../../src/optimizers/optimizer.ts';
import { sgd } from '../../src/optimizers/sgd.ts';
import { STREAMS, type Stream } from '../../src/random.ts';
import type { GroupEncoders } from '../../src/scheduler/group-encoders.ts';
import { startEncoders } from '../../src/scheduler/start-encoders.ts';
import type { Settings } from '../../src/settings/settings.ts';
import { resolveConfig } from '../../src/train/configure.ts';
import { permutationsOf } from '../../src/train/permutations.ts';
import type { SavedState } from '../../src/train/state.ts';
import type { StepInput } from '../../src/train/step.ts';
import { Trainer } from '../../src/train/trainer.ts';
import { WORKERS_ON } from '../backend.ts';
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
export const LAYOUT = encoderLayout(SPEC, SIZE);

export const GROUPS = 4;

export const SETTINGS: Settings = {
  ...resolveConfig('moco-cifar'),
  dim: SPEC.dim,
  queueSize: QUEUE,
  seed: 11,
  imageSize: SIZE,
  batchSize: BATCH,
  groups: GROUPS,
  momentum: 0.9,
  temperature: 0.2,
  sgdMomentum: 0.9,
  weightDecay: 1e-3,
};

export interface TinyTrainer {
  readonly saved?: SavedState;
  /** May stand between the trainer and the encoders. */
  readonly observe?: (encoders: GroupEncoders) => GroupEncoders;
  readonly settings?: Partial<Settings>;
  readonly method?: Method;
  readonly optimizer?: Optimizer;
}

/** Encoders, which take a second to start (on a GPU half a minute), for any number of trainers one after the other. */
export interface TinyEncoders {
  readonly kernels: BackendKernels;
  readonly encoders: GroupEncoders;
  /** A trainer, by default of MoCo from the beginning; gone with `dispose`. */
  trainer(options?: TinyTrainer): Promise<Trainer>;
  dispose(): Promise<void>;
}

/** @param kernels by default those of wasm; gone with `dispose` all the same */
export async function openTiny(
  workers: number,
  {
    kernels: opened,
    prefetch,
    groupsAtOnce,
  }: { kernels?: BackendKernels; prefetch?: number; groupsAtOnce?: number } = {},
): Promise<TinyEncoders> {
  const kernels = opened ?? (await openKernels('wasm'));
  const options = { spec: SPEC, groupSize: BATCH / GROUPS, imageSize: SIZE };
  const encoders = await startEncoders(kernels, options, {
    backend: kernels.backend === 'webgpu' ? 'webgpu' : WORKERS_ON,
    workers,
    ...(groupsAtOnce !== undefined && { groups: GROUPS, groupsAtOnce }),
    prefetch,
  });
  const trainers: Trainer[] = [];
  return {
    kernels,
    encoders,
    async trainer({ saved, observe, settings, method = moco, optimizer = sgd }: TinyTrainer = {}) {
      const trainer = await Trainer.create({
        ...{ method, optimizer, spec: SPEC, kernels },
        settings: { ...SETTINGS, ...settings },
        saved: saved ?? null,
        encoders: observe?.(encoders) ?? encoders,
      });
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
    permutation: permutationsOf({ seed: 5, batchSize: BATCH }, step),
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
      return { images, labels: null };
    },
  };
}

/** Everything that training changes, bit for bit. */
export function expectSameState(actual: SavedState, expected: SavedState): void {
  if (String([...actual.keys()]) !== String([...expected.keys()])) throw new Error('other tensors');
  for (const [name, { data }] of expected) {
    const found = actual.get(name)!.data;
    if (data instanceof Float32Array) expectSameBits(name, found as Float32Array, data);
    else if (String(found) !== String(data)) throw new Error(`${name} is ${found}, expected ${data}`);
  }
}

/** The float32 values of a tensor. */
export function valuesOf(state: SavedState, name: string): Float32Array {
  const tensor = state.get(name);
  if (tensor?.dtype !== 'F32') throw new Error(`no float32 tensor ${name}`);
  return tensor.data;
}
