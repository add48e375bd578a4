/** The tensors of an encoder as PyTorch's own module lists them. */
import { tensorsOf } from '../../checkpoint/contents.ts';
import { MocoError } from '../../errors.ts';
import { OrderedDict, type PickledTensor } from '../../formats/pytorch/pickle.ts';
import type { NamedTensor } from '../../formats/safetensors.ts';
import type { EncoderLayout } from '../layout.ts';

const PARTS = ['running_mean', 'running_var', 'num_batches_tracked'];

/**
 * In the order of torch.nn.Module.state_dict: the parameters of each layer, then what a BatchNorm tracks. Counters have no axes
 * there.
 * @param prefix of the encoder in the checkpoint, e.g. `encoder_q.`
 * @throws MocoError checkpoint-invalid where one is missing
 */
export function stateDict(
  tensors: ReadonlyMap<string, NamedTensor>,
  prefix: string,
  { parameters, layers }: EncoderLayout,
): OrderedDict {
  const own = tensorsOf(tensors, prefix);
  const tracking = new Set(layers.map(({ name }) => name));
  const found = new OrderedDict();
  const add = (name: string) => {
    const tensor = own.get(name);
    if (!tensor) throw new MocoError('checkpoint-invalid', `the checkpoint has no ${prefix}${name}`);
    const scalar = name.endsWith('.num_batches_tracked');
    found.set(name, (scalar ? { ...tensor, scalar } : tensor) as PickledTensor);
  };
  for (const { name } of parameters) {
    add(name);
    const layer = name.replace(/\.bias$/, '');
    if (layer !== name && tracking.has(layer)) for (const part of PARTS) add(`${layer}.${part}`);
  }
  return found;
}
