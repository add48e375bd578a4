/** Whole training steps of a golden case: the product's trainer on the case's weights and images. */
import type { NamedTensor } from '../formats/safetensors.ts';
import type { Method } from '../methods/method.ts';
import { encoderLayout } from '../models/layout.ts';
import type { ResNetSpec } from '../onnx/resnet.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import { STREAMS } from '../random.ts';
import { startEncoders } from '../scheduler/start-encoders.ts';
import type { Settings } from '../settings/settings.ts';
import type { SavedState } from '../train/state.ts';
import { stateOf, UPDATES } from '../train/state-of.ts';
import type { StepInput } from '../train/step.ts';
import { Trainer } from '../train/trainer.ts';
import type { GoldenCase, GoldenContext } from './case.ts';
import { float32, floatInput, int64, numberListParam, numberParam, wholeInput } from './tensors.ts';

/** What distinguishes the cases of one method from those of another. */
export interface TrainingCase {
  readonly method: Method;
  readonly settings: Settings;
  /** The inputs that hold a step's images: `im_q` for `im_q.1`, `im_q.2`, … */
  readonly images: { readonly first: string; readonly second?: string };
  readonly labels?: string;
  /** The inputs that hold permutations of the batch, by their numbers. */
  readonly shuffles?: readonly string[];
  /** What the case calls the encoder that learns. */
  readonly learner: string;
  /** What else it records of a step. */
  outputs(
    trainer: Trainer,
    result: { readonly loss: number; readonly acc1: number },
  ): Promise<Record<string, NamedTensor>>;
}

/** Computes what such a case records. */
export async function runTraining(
  c: GoldenCase,
  { kernels, backend }: GoldenContext,
  kind: TrainingCase,
): Promise<Map<string, NamedTensor>> {
  const spec = specOf(c);
  const { settings, method } = kind;
  const { batchSize, groups, imageSize } = settings;
  const groupSize = ((method.viewsTogether ?? 1) * batchSize) / groups;
  const encoders = await startEncoders(
    kernels,
    { spec, groupSize, imageSize },
    // On a GPU as many groups in one run as fit: what is recorded does not depend on it.
    { backend, workers: Math.min(2, groups), groups },
  );
  try {
    const optimizer = optimizerNamed(settings.optimizer);
    const saved = startingState(c, spec, kind);
    const trainer = await Trainer.create({ settings, method, optimizer, spec, saved, kernels, encoders });
    const tensors = new Map<string, NamedTensor>();
    const steps = numberParam(c, 'steps');
    for (let step = 1; step <= steps; step++) {
      const result = await (await trainer.step(stepInput(c, step, kind))).result;
      tensors.set(`loss.${step}`, float32([1], [result.loss]));
      for (const [name, tensor] of Object.entries(await kind.outputs(trainer, result))) {
        tensors.set(`${name}.${step}`, tensor);
      }
      if (step === 1) {
        const gradients = await trainer.gradients();
        trainer.layout.parameters.forEach(({ name, shape }, i) => {
          tensors.set(`grad.1.${name}`, float32(shape, gradients[i]!));
        });
      }
      collectState(tensors, await trainer.state(), step, steps, kind.learner);
    }
    trainer.dispose();
    return tensors;
  } finally {
    await encoders.dispose();
  }
}

function specOf(c: GoldenCase): ResNetSpec {
  return {
    block: c.params.block === 'bottleneck' ? 'bottleneck' : 'basic',
    layers: numberListParam(c, 'layers'),
    planes: numberListParam(c, 'widths'),
    stem: floatInput(c, 'init.conv1.weight').shape[2] === 7 ? 'imagenet' : 'cifar',
    dim: numberParam(c, 'dim'),
    mlp: c.inputs.has('init.fc.2.weight'),
  };
}

/** What the case begins with: all encoders alike, the optimizer's slots zero. */
function startingState(c: GoldenCase, spec: ResNetSpec, { method, settings }: TrainingCase): SavedState {
  const optimizer = optimizerNamed(settings.optimizer);
  const layout = encoderLayout(spec, settings.imageSize);
  const { tensors, counters } = stateOf(method, optimizer, layout, settings);
  const state = new Map<string, NamedTensor>();
  for (const { name, shape } of tensors) {
    const isSlot = optimizer.slots.some((slot) => name.startsWith(`${slot}.`));
    const size = shape.reduce((product, length) => product * length, 1);
    const data = isSlot ? new Float32Array(size) : floatInput(c, `init.${withoutEncoder(name)}`).data;
    state.set(name, float32(shape, data));
  }
  for (const { name, initial } of counters) {
    const inner = `init.${withoutEncoder(name)}`;
    state.set(name, int64([1], c.inputs.has(inner) ? wholeInput(c, inner) : [initial]));
  }
  return state;
}

function withoutEncoder(name: string): string {
  return name.replace(/^encoder_[qk]\./, '');
}

function stepInput(
  c: GoldenCase,
  step: number,
  { settings, images, labels, shuffles }: TrainingCase,
): StepInput {
  const { batchSize } = settings;
  const inOrder = Uint32Array.from({ length: batchSize }, (_, position) => position);
  const classes = labels === undefined ? null : wholeInput(c, `${labels}.${step}`);
  return {
    step,
    learningRate: numberParam(c, 'lr'),
    permutation(number) {
      const name = `${shuffles?.[number]}.${step}`;
      return c.inputs.has(name) ? Uint32Array.from(wholeInput(c, name)) : inOrder;
    },
    async views(stream, positions) {
      const input = stream === STREAMS.firstView ? images.first : (images.second ?? images.first);
      const { data } = floatInput(c, `${input}.${step}`);
      const size = data.length / batchSize;
      const views = new Float32Array(positions.length * size);
      positions.forEach((position, row) => {
        views.set(data.subarray(position * size, (position + 1) * size), row * size);
      });
      return {
        images: views,
        labels: classes && Int32Array.from(positions, (position) => classes[position]!),
      };
    },
  };
}

/** All of the state after the first and last step, the BatchNorm buffers after every step. */
function collectState(
  tensors: Map<string, NamedTensor>,
  state: SavedState,
  step: number,
  steps: number,
  learner: string,
): void {
  for (const [name, tensor] of state) {
    const [prefix = '', ...rest] = name.split('.');
    const inner = rest.join('.');
    const buffer = /running_mean$|running_var$|num_batches_tracked$/.test(inner);
    if (name === UPDATES) continue;
    if (inner === '') tensors.set(`${name}.${step}`, tensor);
    else if (prefix === 'momentum') {
      if (step === steps) tensors.set(`momentum.${step}.${inner}`, tensor);
    } else if (buffer || step === 1 || step === steps) {
      tensors.set(`${prefix === 'encoder_q' ? learner : prefix}.${step}.${inner}`, tensor);
    }
  }
}
