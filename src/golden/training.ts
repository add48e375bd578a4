/** Golden cases of whole training steps: the product's trainer on the case's weights and images. */
import type { NamedTensor } from '../formats/safetensors.ts';
import { queryPositions } from '../methods/groups.ts';
import { stateLayout } from '../models/layout.ts';
import type { ResNetSpec } from '../onnx/resnet.ts';
import { STREAMS } from '../random.ts';
import { startEncoders } from '../scheduler/start-encoders.ts';
import { type EncoderState, type StateLayout, type TrainerState, toTensors } from '../train/state.ts';
import { type StepInput, Trainer } from '../train/trainer.ts';
import type { CaseFamily, CaseRunner, GoldenCase } from './case.ts';
import { float32, floatInput, int64, numberListParam, numberParam, wholeInput } from './tensors.ts';

const resnetMoco: CaseRunner = async (c, { kernels }) => {
  const spec = specOf(c);
  const imageSize = numberParam(c, 'image');
  const batchSize = numberParam(c, 'N');
  const groups = numberParam(c, 'bn_splits');
  const layout = stateLayout(spec, imageSize, numberParam(c, 'K'));
  const options = { spec, groupSize: batchSize / groups, imageSize };
  const encoders = await startEncoders(kernels, options, { workers: Math.min(2, groups) });
  try {
    const settings = {
      spec,
      imageSize,
      batchSize,
      groups,
      momentum: numberParam(c, 'm'),
      temperature: numberParam(c, 'T'),
      sgdMomentum: numberParam(c, 'momentum'),
      weightDecay: numberParam(c, 'weight_decay'),
    };
    const trainer = await Trainer.create(settings, layout, startingState(c, layout), kernels, encoders);
    const tensors = new Map<string, NamedTensor>();
    const steps = numberParam(c, 'steps');
    for (let step = 1; step <= steps; step++) {
      const { loss } = await (await trainer.step(stepInput(c, step, batchSize))).result;
      const { queries, keys } = await trainer.embeddings();
      tensors.set(`q.${step}`, float32([batchSize, layout.dim], queries));
      tensors.set(`k.${step}`, float32([batchSize, layout.dim], keys));
      tensors.set(`loss.${step}`, float32([1], [loss]));
      if (step === 1) {
        const gradients = await trainer.gradients();
        layout.parameters.forEach(({ name, shape }, i) => {
          tensors.set(`grad.1.${name}`, float32(shape, gradients[i]!));
        });
      }
      collectState(tensors, await trainer.state(), layout, step, steps);
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

function startingState(c: GoldenCase, layout: StateLayout): TrainerState {
  const value = (name: string) => floatInput(c, `init.${name}`).data;
  const encoder = (): EncoderState => ({
    parameters: layout.parameters.map(({ name }) => value(name)),
    means: layout.layers.map(({ name }) => value(`${name}.running_mean`)),
    variances: layout.layers.map(({ name }) => value(`${name}.running_var`)),
    batchesTracked: wholeInput(c, `init.${layout.layers[0]!.name}.num_batches_tracked`)[0] ?? 0,
  });
  return {
    query: encoder(),
    key: encoder(),
    momentum: layout.parameters.map(({ name }) => new Float32Array(value(name).length)),
    queue: value('queue'),
    queuePointer: 0,
  };
}

function stepInput(c: GoldenCase, step: number, batchSize: number): StepInput {
  const queries = floatInput(c, `im_q.${step}`).data;
  const keys = floatInput(c, `im_k.${step}`).data;
  const shuffled = c.inputs.has(`shuffle.${step}`);
  const shuffle = shuffled
    ? Uint32Array.from(wholeInput(c, `shuffle.${step}`))
    : queryPositions(0, 1, batchSize);
  return {
    step,
    learningRate: numberParam(c, 'lr'),
    shuffle,
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
  state: TrainerState,
  layout: StateLayout,
  step: number,
  steps: number,
): void {
  for (const [name, tensor] of toTensors(state, layout)) {
    const [prefix = '', ...rest] = name.split('.');
    const inner = rest.join('.');
    const buffer = /running_mean$|running_var$|num_batches_tracked$/.test(inner);
    if (prefix === 'queue') tensors.set(`queue.${step}`, tensor);
    else if (prefix === 'momentum') {
      if (step === steps) tensors.set(`momentum.${step}.${inner}`, tensor);
    } else if (buffer || step === 1 || step === steps) tensors.set(`${prefix}.${step}.${inner}`, tensor);
  }
  tensors.set(`queue_ptr.${step}`, int64([1], [state.queuePointer]));
}
