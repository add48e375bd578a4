import { type Form, instance, made, record } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import type { NamedTensor } from '../formats/safetensors.ts';

/** A tensor without its values. */
type Described = Pick<NamedTensor, 'dtype' | 'shape'>;

/** The encoder that learns, which evaluation and export take. */
const LEARNED = 'encoder_q.';

/** What a loaded checkpoint is told from anything else by. */
export const CHECKPOINT: Form = made<{ state: unknown; tensors: unknown }>('what loadCheckpoint gave', {
  state: made<{ config: unknown }>('the state of a run', { config: record }),
  tensors: instance('a Map', 'Map'),
});

/**
 * Checks that the parts of a checkpoint fit each other: what belongs to a tensor of encoder_q (`encoder_k.<name>`,
 * `momentum.<name>`) is of its type and shape. That nothing is missing, and all is as the method and the network want it,
 * is for TrainState to say when a run resumes.
 * @throws MocoError checkpoint-invalid
 */
export function checkTensors(tensors: ReadonlyMap<string, Described>): void {
  const refuse = (what: string): never => {
    throw new MocoError('checkpoint-invalid', `tensors of the checkpoint do not fit: ${what}`);
  };
  const learned = tensorsOf(tensors, LEARNED);
  if (learned.size === 0) refuse('there is no encoder_q');
  for (const [name, tensor] of tensors) {
    const dot = name.indexOf('.');
    const inner = name.slice(dot + 1);
    const partner = dot < 0 ? undefined : learned.get(inner);
    if (partner && !sameShape(tensor, partner)) refuse(`${name} and ${LEARNED}${inner} differ in shape`);
  }
}

/** The tensors under a prefix, without it, in the order of the checkpoint. */
export function tensorsOf<Tensor extends Described>(
  tensors: ReadonlyMap<string, Tensor>,
  prefix: string,
): Map<string, Tensor> {
  const part = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(prefix)) part.set(name.slice(prefix.length), tensor);
  }
  return part;
}

/** Parameters and running statistics of the learned encoder, by the network's names. */
export function queryValues(tensors: ReadonlyMap<string, NamedTensor>): Map<string, Float32Array> {
  const values = new Map<string, Float32Array>();
  for (const [name, tensor] of tensorsOf(tensors, LEARNED)) {
    if (tensor.dtype === 'F32') values.set(name, tensor.data);
  }
  return values;
}

/** What embedding by a checkpoint, and exporting it, need of it: without other encoders and what the optimizer and the method keep. */
export function withQueryOnly<Checkpoint extends { readonly tensors: ReadonlyMap<string, NamedTensor> }>(
  checkpoint: Checkpoint,
): Checkpoint {
  const tensors = [...checkpoint.tensors].filter(([name]) => name.startsWith(LEARNED));
  return { ...checkpoint, tensors: new Map(tensors) };
}

/** What a method and an optimizer count: whole numbers that belong to no encoder. */
export function countersOf(tensors: ReadonlyMap<string, NamedTensor>): Record<string, number> {
  const counters = [...tensors].flatMap(([name, { dtype, data }]) =>
    dtype === 'I64' && !name.includes('.') ? [[name, Number(data[0])] as const] : [],
  );
  return Object.fromEntries(counters);
}

function sameShape(a: Described, b: Described): boolean {
  return (
    a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i])
  );
}
