/** Golden cases of whole training steps: the product's trainer on the case's weights and images. */
import type { NamedTensor } from '../formats/safetensors.ts';
import { moco } from '../methods/moco.ts';
import { encoderLayout } from '../models/layout.ts';
import type { ResNetSpec } from '../onnx/resnet.ts';
import { sgd } from '../optimizers/sgd.ts';
import { STREAMS } from '../random.ts';
import { startEncoders } from '../scheduler/start-encoders.ts';
import type { Settings } from '../settings/settings.ts';
import { resolveConfig } from '../train/configure.ts';
import type { SavedState } from '../train/state.ts';
import { stateOf, UPDATES } from '../train/state-of.ts';
import type { StepInput } from '../train/step.ts';
import { Trainer } from '../train/trainer.ts';
import type { CaseFamily, CaseRunner, GoldenCase } from './case.ts';
import { float32, floatInput, int64, numberListParam, numberParam, wholeInput } from './tensors.ts';

const resnetMoco: CaseRunner = async (c, { kernels, backend }) => {
  const spec = specOf(c);
  const settings = settingsOf(c);
  const { batchSize, groups, imageSize } = settings;
  const options = { spec, groupSize: batchSize / groups, imageSize };
  const encoders = await startEncoders(kernels, options, { backend, workers: Math.min(2, groups) });
  try {
    const saved = startingState(c, spec, settings);
    const trainer = await Trainer.create({
      ...{ settings, method: moco, optimizer: sgd },
      ...{ spec, saved, kernels, encoders },
    });
    const { dim, parameters } = trainer.layout;
    const tensors = new Map<string, NamedTensor>();
    const steps = numberParam(c, 'steps');
    for (let step = 1; step <= steps; step++) {
      const { loss } = await (await trainer.step(stepInput(c, step, batchSize))).result;
      tensors.set(`q.${step}`, float32([batchSize, dim], await trainer.rows('embedding')));
      tensors.set(`k.${step}`, float32([batchSize, dim], await trainer.rows('keys')));
      tensors.set(`loss.${step}`, float32([1], [loss]));
      if (step === 1) {
        const gradients = await trainer.gradients();
        parameters.forEach(({ name, shape }, i) => {
          tensors.set(`grad.1.${name}`, float32(shape, gradients[i]!));
        });
      }
      collectState(tensors, await trainer.state(), step, steps);
    }
    trainer.dispose();
    return tensors;
  } finally {
    await encoders.dispose();
  }
};

export const trainingFamily: CaseFamily = { runners: { resnet_moco: resnetMoco } };

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

function settingsOf(c: GoldenCase): Settings {
  return {
    ...resolveConfig('moco-cifar'),
    dim: numberParam(c, 'dim'),
    imageSize: numberParam(c, 'image'),
    batchSize: numberParam(c, 'N'),
    groups: numberParam(c, 'bn_splits'),
    queueSize: numberParam(c, 'K'),
    momentum: numberParam(c, 'm'),
    temperature: numberParam(c, 'T'),
    sgdMomentum: numberParam(c, 'momentum'),
    weightDecay: numberParam(c, 'weight_decay'),
  };
}

/** What the case begins with: both encoders alike, momentum zero. */
function startingState(c: GoldenCase, spec: ResNetSpec, settings: Settings): SavedState {
  const { tensors, counters } = stateOf(moco, sgd, encoderLayout(spec, settings.imageSize), settings);
  const state = new Map<string, NamedTensor>();
  for (const { name, shape } of tensors) {
    const inner = name.replace(/^encoder_[qk]\./, '');
    const size = shape.reduce((product, length) => product * length, 1);
    const data = name.startsWith('momentum.') ? new Float32Array(size) : floatInput(c, `init.${inner}`).data;
    state.set(name, float32(shape, data));
  }
  for (const { name, initial } of counters) {
    const inner = `init.${name.replace(/^encoder_[qk]\./, '')}`;
    state.set(name, int64([1], c.inputs.has(inner) ? wholeInput(c, inner) : [initial]));
  }
  return state;
}

function stepInput(c: GoldenCase, step: number, batchSize: number): StepInput {
  const queries = floatInput(c, `im_q.${step}`).data;
  const keys = floatInput(c, `im_k.${step}`).data;
  const inOrder = Uint32Array.from({ length: batchSize }, (_, position) => position);
  const shuffled = c.inputs.has(`shuffle.${step}`);
  const shuffle = shuffled ? Uint32Array.from(wholeInput(c, `shuffle.${step}`)) : inOrder;
  return {
    step,
    learningRate: numberParam(c, 'lr'),
    permutation: () => shuffle,
    async views(stream, positions) {
      const data = stream === STREAMS.firstView ? queries : keys;
      const size = data.length / batchSize;
      const views = new Float32Array(positions.length * size);
      positions.forEach((position, row) => {
        views.set(data.subarray(position * size, (position + 1) * size), row * size);
      });
      return views;
    },
  };
}

/** All of the state after the first and last step, the BatchNorm buffers after every step. */
function collectState(
  tensors: Map<string, NamedTensor>,
  state: SavedState,
  step: number,
  steps: number,
): void {
  for (const [name, tensor] of state) {
    const [prefix = '', ...rest] = name.split('.');
    const inner = rest.join('.');
    const buffer = /running_mean$|running_var$|num_batches_tracked$/.test(inner);
    if (name === UPDATES) continue;
    if (inner === '') tensors.set(`${name}.${step}`, tensor);
    else if (prefix === 'momentum') {
      if (step === steps) tensors.set(`momentum.${step}.${inner}`, tensor);
    } else if (buffer || step === 1 || step === steps) tensors.set(`${prefix}.${step}.${inner}`, tensor);
  }
}
