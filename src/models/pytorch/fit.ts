/** Which tensors of a file an encoder takes, and which do not fit. */
import type { TensorSource } from '../../checkpoint/save-piecewise.ts';
import type { NetworkSpec } from '../../onnx/network.ts';
import { encoderLayout } from '../layout.ts';
import type { NamedSource } from './layouts.ts';

export interface Fitting {
  /** Whole: every parameter and running statistic of the encoder, by its names. `num_batches_tracked` only where the file has it. */
  readonly taken: ReadonlyMap<string, NamedSource>;
  /** Names of the encoder that the file lacks or has in another shape, the head's left out. */
  readonly missing: readonly string[];
  readonly hasHead: boolean;
}

const COUNTER = 'num_batches_tracked';

export function fitEncoder(
  spec: NetworkSpec,
  imageSize: number,
  found: ReadonlyMap<string, NamedSource>,
): Fitting {
  const { parameters, layers } = encoderLayout(spec, imageSize);
  const wanted = new Map<string, readonly number[]>(parameters.map(({ name, shape }) => [name, shape]));
  for (const { name, channels } of layers) {
    for (const part of ['running_mean', 'running_var']) wanted.set(`${name}.${part}`, [channels]);
  }
  const taken = new Map<string, NamedSource>();
  const missing: string[] = [];
  let hasHead = true;
  for (const [name, shape] of wanted) {
    const source = found.get(name);
    if (source?.tensor.dtype === 'F32' && String(source.tensor.shape) === String(shape))
      taken.set(name, source);
    else if (isHead(name)) hasHead = false;
    else missing.push(`${name} [${shape}]`);
  }
  for (const { name } of layers) {
    const source = found.get(`${name}.${COUNTER}`);
    if (source?.tensor.dtype === 'I64' && String(source.tensor.shape) === '1')
      taken.set(`${name}.${COUNTER}`, source);
  }
  return { taken, missing, hasHead };
}

export const isHead = (name: string): boolean => name.startsWith('fc.');

/** The names of an encoder's counters of batches. */
export function counterNames(spec: NetworkSpec, imageSize: number): string[] {
  return encoderLayout(spec, imageSize).layers.map(({ name }) => `${name}.${COUNTER}`);
}

/** Zeros, for what a file does not hold. */
export function zeros(shape: readonly number[]): TensorSource {
  const length = shape.reduce((product, size) => product * size, 1);
  return { dtype: 'F32', shape, read: async () => ({ dtype: 'F32', shape, data: new Float32Array(length) }) };
}

export function counter(value: number): TensorSource {
  const shape = [1];
  return {
    dtype: 'I64',
    shape,
    read: async () => ({ dtype: 'I64', shape, data: BigInt64Array.of(BigInt(value)) }),
  };
}
