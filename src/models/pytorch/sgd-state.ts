/** What a file says of torch.optim.SGD: its momentum, and the numbers of its group of parameters. */
import { type Dictionary, isDictionary, StoredTensor } from '../../formats/pytorch/values.ts';
import type { NamedSource } from './layouts.ts';
import type { WeightsFile } from './weights-file.ts';

export interface SgdState {
  /** By the names that parameters have in the file. */
  readonly momentum: ReadonlyMap<string, NamedSource>;
  readonly learningRate: number | null;
  readonly weightDecay: number | null;
  readonly sgdMomentum: number | null;
}

/** Those of a module that are no parameters. */
const BUFFER = /(^|\.)(running_mean|running_var|num_batches_tracked|queue|queue_ptr)$/;

/**
 * An optimizer numbers parameters in the order of the module, which is that of the file; before PyTorch 1.6 it called them
 * by their addresses, in that order too.
 * @returns null, with why in words, where the optimizer is another or what belongs to what is not in the file
 */
export async function readSgd(file: WeightsFile): Promise<SgdState | string> {
  const groups = file.optimizer?.get('param_groups');
  const state = file.optimizer?.get('state');
  if (!Array.isArray(groups) || !isDictionary(state)) return 'the file has no optimizer';
  const [group, ...others] = groups as unknown[];
  if (!isDictionary(group) || others.length > 0)
    return `the optimizer has ${groups.length} groups of parameters, whose names the file does not say`;
  const number = async (name: string) => numberOf(file, group.get(name));
  if ((await number('dampening')) || group.get('nesterov') === true)
    return 'the optimizer dampens, or is Nesterov’s, which ours is not';
  if (!group.has('momentum')) return 'the optimizer is not SGD with momentum';
  const ids = group.get('params');
  const parameters = [...file.tensors].filter(([name]) => !BUFFER.test(name));
  if (!Array.isArray(ids) || ids.length > parameters.length)
    return 'the optimizer has more parameters than the file has weights';
  const momentum = new Map<string, NamedSource>();
  for (const [i, id] of (ids as unknown[]).entries()) {
    const [name, { shape }] = parameters[i]!;
    const buffer = bufferOf(state, id);
    if (!buffer) continue;
    const tensor = file.source(buffer);
    if (String(tensor.shape) !== String(shape))
      return `its momentum ${String(id)} is [${tensor.shape}], but ${name} is [${shape}]`;
    momentum.set(name, { name: `optimizer.state.${String(id)}.momentum_buffer`, tensor });
  }
  return {
    momentum,
    learningRate: await number('lr'),
    weightDecay: await number('weight_decay'),
    sgdMomentum: await number('momentum'),
  };
}

function bufferOf(state: Dictionary, id: unknown): StoredTensor | null {
  const own = state.get(id);
  const buffer = isDictionary(own) ? own.get('momentum_buffer') : null;
  return buffer instanceof StoredTensor ? buffer : null;
}

/** A number, or a tensor of one. */
async function numberOf(file: WeightsFile, value: unknown): Promise<number | null> {
  if (typeof value === 'number') return value;
  return value instanceof StoredTensor && value.count === 1 ? file.number(value) : null;
}
