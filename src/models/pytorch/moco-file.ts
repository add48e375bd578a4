/** A run as main_moco.py of facebookresearch/moco saves it, and resumes it under DistributedDataParallel. */
import type { LoadedCheckpoint } from '../../checkpoint/run-directory.ts';
import { MocoError } from '../../errors.ts';
import { float, OrderedDict, type Picklable } from '../../formats/pytorch/pickle.ts';
import type { NamedTensor } from '../../formats/safetensors.ts';
import { isImported } from '../../settings/owners.ts';
import { networkOf } from '../choose-network.ts';
import { encoderLayout } from '../layout.ts';
import { stateDict } from './state-dict.ts';

/** torchvision's own; the reference builds its encoders by their names. */
const STANDARD_WIDTH = 64;

export interface MocoFile {
  readonly value: Picklable;
  /** What the reference code demands and this run does not meet, in words. */
  readonly notes: readonly string[];
}

/**
 * @param rate the learning rate of the last epoch; the reference sets its own at the next
 * @throws MocoError config-mismatch where the checkpoint is not that of a run of MoCo
 */
export function mocoFile(checkpoint: LoadedCheckpoint, rate: number): MocoFile {
  const { state, tensors, network } = checkpoint;
  const { config, imported } = state;
  const queue = tensors.get('queue');
  const pointer = tensors.get('queue_ptr');
  if (queue?.dtype !== 'F32' || pointer?.dtype !== 'I64' || !tensors.has('encoder_k.conv1.weight')) {
    throw new MocoError(
      'config-mismatch',
      `--format moco takes a run of MoCo on a ResNet, not one of ${config.method} on ${config.arch}: take torchvision, detectron2 or safetensors for the encoder alone`,
    );
  }
  const layout = encoderLayout(networkOf(config, network), config.imageSize);
  const dictionary = new OrderedDict();
  dictionary.set('module.queue', columns(queue));
  dictionary.set('module.queue_ptr', pointer);
  for (const encoder of ['encoder_q', 'encoder_k']) {
    for (const [name, tensor] of stateDict(tensors, `${encoder}.`, layout))
      dictionary.set(`module.${encoder}.${name}`, tensor);
  }
  const names = layout.parameters.map(({ name }) => name);
  const value = new Map<string, Picklable>([
    // The reference counts epochs done, and so does the next one's number here.
    ['epoch', state.epoch],
    ['arch', imported?.arch ?? config.arch],
    ['state_dict', dictionary],
    ['optimizer', sgd(checkpoint, names, imported?.learningRate ?? rate)],
  ]);
  return { value, notes: demands(checkpoint, Number(pointer.data[0])) };
}

/** Of torch.optim.SGD over all parameters of the module: those of the key encoder, which come second, have no momentum. */
function sgd({ state, tensors }: LoadedCheckpoint, names: readonly string[], rate: number): Picklable {
  const { weightDecay, sgdMomentum = 0 } = state.config;
  const buffers = new Map<number, Picklable>();
  for (const [i, name] of names.entries()) {
    const buffer = tensors.get(`momentum.${name}`);
    if (buffer) buffers.set(i, new Map<string, Picklable>([['momentum_buffer', buffer]]));
  }
  const group = new Map<string, Picklable>([
    ['lr', float(rate)],
    ['momentum', float(sgdMomentum)],
    ['dampening', 0],
    ['weight_decay', float(weightDecay)],
    ['nesterov', false],
    ['params', Array.from({ length: 2 * names.length }, (_, i) => i)],
  ]);
  return new Map<string, Picklable>([
    ['state', buffers],
    ['param_groups', [group]],
  ]);
}

/** One key a column. */
function columns({ shape, data }: NamedTensor & { readonly dtype: 'F32' }): NamedTensor {
  const [rows = 0, dim = 0] = shape;
  const turned = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < dim; i++) turned[i * rows + row] = data[row * dim + i]!;
  }
  return { dtype: 'F32', shape: [dim, rows], data: turned };
}

function demands({ state }: LoadedCheckpoint, pointer: number): string[] {
  const { config, unknown = [], sampler, imported } = state;
  const { batchSize, queueSize = 0, width, stem, arch, symmetric, optimizer } = config;
  const notes: string[] = [];
  if (unknown.includes('batchSize'))
    notes.push(
      `the reference's batch has to divide the ${queueSize} keys of the queue and its pointer, ${pointer}`,
    );
  else if (queueSize % batchSize !== 0)
    notes.push(
      `its queue of ${queueSize} keys is no multiple of the batch of ${batchSize}: the reference code stops there (assert K % batch_size == 0); take another --batch-size there`,
    );
  else if (pointer % batchSize !== 0)
    notes.push(
      `its queue pointer ${pointer} is no multiple of the batch of ${batchSize}: the reference code stops when it reaches the end of the queue`,
    );
  if (isImported(arch) || width !== STANDARD_WIDTH || stem !== 'imagenet') {
    notes.push(
      `its encoder is no ResNet of torchvision's (${arch}, width ${width}, ${stem} stem): build the same one there in the place of models.__dict__[arch]`,
    );
  }
  if (unknown.includes('learningRate') && imported?.learningRate === null) {
    notes.push('its learning rate is a guess: the file that it came from had none');
  }
  if (symmetric) notes.push('it learned by the symmetric loss, which main_moco.py has not');
  if (optimizer !== 'sgd')
    notes.push(`its optimizer is ${optimizer}, the reference's SGD: the momentum begins at 0`);
  if (sampler.stepInEpoch > 0)
    notes.push(
      `it is ${sampler.stepInEpoch} steps into epoch ${state.epoch}, which the reference begins anew`,
    );
  return notes;
}
