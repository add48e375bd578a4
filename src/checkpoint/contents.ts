import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { Settings } from '../settings/settings.ts';

/** The two encoders, by the prefix of their tensors. */
export type EncoderPrefix = 'encoder_q.' | 'encoder_k.';

/**
 * Checks that the parts of a checkpoint fit each other: both encoders with the same tensors, a queue [K, C], and
 * momentum buffers only for tensors of encoder_q, of the same shape. That they fit the network is for the encoder to
 * say, when it is built.
 * @throws MocoError checkpoint-invalid
 */
export function checkTensors(tensors: ReadonlyMap<string, NamedTensor>, config: Settings): void {
  const refuse = (what: string): never => {
    throw new MocoError('checkpoint-invalid', `tensors of the checkpoint do not fit: ${what}`);
  };
  const queue = tensors.get('queue');
  const { queueSize, dim } = config;
  // A method without a queue has no size of one.
  if (queueSize !== undefined) {
    if (queue?.dtype !== 'F32' || queue.shape.length !== 2) refuse('there is no float queue');
    else if (queue.shape[0] !== queueSize || queue.shape[1] !== dim) {
      refuse(`queue is [${queue.shape}], the configuration says [${queueSize},${dim}]`);
    }
  }
  const query = tensorsOf(tensors, 'encoder_q.');
  const key = tensorsOf(tensors, 'encoder_k.');
  if (query.size === 0) refuse('there is no encoder_q');
  if (query.size !== key.size) refuse(`encoder_q has ${query.size} tensors, encoder_k ${key.size}`);
  for (const [name, tensor] of query) {
    if (!sameShape(tensor, key.get(name))) refuse(`encoder_q.${name} and encoder_k.${name} differ in shape`);
  }
  for (const [name, tensor] of tensorsOf(tensors, 'momentum.')) {
    if (!sameShape(tensor, query.get(name))) refuse(`momentum.${name} has no encoder_q.${name} of its shape`);
  }
}

/** The tensors under a prefix, without it, in the order of the checkpoint. */
export function tensorsOf(
  tensors: ReadonlyMap<string, NamedTensor>,
  prefix: EncoderPrefix | 'momentum.',
): Map<string, NamedTensor> {
  const part = new Map<string, NamedTensor>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(prefix)) part.set(name.slice(prefix.length), tensor);
  }
  return part;
}

/** Parameters and running statistics of the query encoder, by the network's names. */
export function queryValues(tensors: ReadonlyMap<string, NamedTensor>): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of tensorsOf(tensors, 'encoder_q.')) {
    if (tensor.dtype === 'F32') values.set(name, tensor.data);
  }
  return values;
}

/** What embedding by a checkpoint, and exporting it, need of it: without key encoder, momentum and queue. */
export function withQueryOnly<Checkpoint extends { readonly tensors: ReadonlyMap<string, NamedTensor> }>(
  checkpoint: Checkpoint,
): Checkpoint {
  const tensors = [...checkpoint.tensors].filter(([name]) => name.startsWith('encoder_q.'));
  return { ...checkpoint, tensors: new Map(tensors) };
}

function sameShape(a: NamedTensor, b: NamedTensor | undefined): boolean {
  return (
    b !== undefined &&
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((d, i) => d === b.shape[i])
  );
}
