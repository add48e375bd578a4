/** A file of weights from elsewhere, opened: torch.save's, or safetensors. Its tensors are read when they are asked for. */

import type { TensorSource } from '../../checkpoint/save-piecewise.ts';
import { MocoError } from '../../errors.ts';
import { isPytorch, openPytorch } from '../../formats/pytorch/read.ts';
import { isFloat, valuesOf } from '../../formats/pytorch/tensor.ts';
import {
  type Dictionary,
  ELEMENT_TYPES,
  type ElementType,
  isDictionary,
  StoredTensor,
} from '../../formats/pytorch/values.ts';
import { MAX_HEADER_BYTES, readSafetensorsHeader } from '../../formats/safetensors.ts';
import type { ByteSource } from '../../runtime/byte-source.ts';

export interface WeightsFile {
  readonly format: 'zip' | 'legacy' | 'safetensors';
  /** By their names in the file, in its order. */
  readonly tensors: ReadonlyMap<string, TensorSource>;
  /** Tensors of types that no weights of encoders have, F8_E4M3 for instance, which are not read. */
  readonly unread: readonly { readonly name: string; readonly shape: readonly number[] }[];
  /** How elements are stored that are not held so here, e.g. F16. */
  readonly converted: readonly string[];
  /** What else the file says; null where it does not. */
  readonly epoch: number | null;
  readonly arch: string | null;
  /** state and param_groups, as torch.optim has them. */
  readonly optimizer: Dictionary | null;
  /** Values of a tensor in `optimizer`. */
  source(tensor: StoredTensor): TensorSource;
  /** The one number of such a tensor, as exactly as it is stored. */
  number(tensor: StoredTensor): Promise<number>;
}

/** Where a file keeps its weights, if not at the top. */
const FOLDERS = ['state_dict', 'model', 'model_state_dict', 'state_dict_ema'];

/** @throws MocoError data-invalid where it is none of these, or refused */
export async function openWeights(file: ByteSource): Promise<WeightsFile> {
  const head = await file.read(0, Math.min(16, file.size));
  return isPytorch(head) ? openSaved(file) : openSafetensors(file);
}

async function openSaved(file: ByteSource): Promise<WeightsFile> {
  const { format, value, read, number } = await openPytorch(file);
  const source = (tensor: StoredTensor): TensorSource => ({
    dtype: isFloat(tensor.storage.type) ? 'F32' : 'I64',
    shape: tensor.shape.length === 0 ? [1] : tensor.shape,
    async read() {
      const values = await read(tensor);
      return tensor.shape.length === 0 ? { ...values, shape: [1] } : values;
    },
  });
  if (!isDictionary(value)) throw nothing(file);
  const folder = FOLDERS.map((name) => value.get(name)).find(isDictionary) ?? value;
  const types = new Set<ElementType>();
  const tensors = new Map<string, TensorSource>();
  for (const [name, tensor] of folder) {
    if (typeof name !== 'string' || !(tensor instanceof StoredTensor)) continue;
    types.add(tensor.storage.type);
    tensors.set(name, source(tensor));
  }
  if (tensors.size === 0) throw nothing(file);
  const [epoch, arch, optimizer] = [value.get('epoch'), value.get('arch'), value.get('optimizer')];
  return {
    format,
    tensors,
    unread: [],
    converted: [...types].filter(isConverted),
    epoch: typeof epoch === 'number' && Number.isSafeInteger(epoch) && epoch >= 0 ? epoch : null,
    arch: typeof arch === 'string' ? arch.slice(0, 256) : null,
    optimizer: isDictionary(optimizer) ? optimizer : null,
    source,
    number,
  };
}

async function openSafetensors(file: ByteSource): Promise<WeightsFile> {
  const start = await file.read(0, Math.min(8, file.size));
  const length = start.length < 8 ? 0n : new DataView(start.buffer).getBigUint64(0, true);
  if (length === 0n || length > BigInt(Math.min(MAX_HEADER_BYTES, file.size - 8))) {
    throw new MocoError(
      'data-invalid',
      `${file.name} is neither a file of torch.save (zip or legacy) nor of safetensors`,
    );
  }
  const { entries, dataStart } = readSafetensorsHeader(await file.read(0, 8 + Number(length)), file.size);
  const types = new Set<string>();
  const source = (tensor: StoredTensor, begin = 0): TensorSource => ({
    dtype: isFloat(tensor.storage.type) ? 'F32' : 'I64',
    shape: tensor.shape.length === 0 ? [1] : tensor.shape,
    read: async () => ({
      ...(await valuesOf(tensor, (first, count) => {
        const bytes = ELEMENT_TYPES[tensor.storage.type];
        return file.read(dataStart + begin + first * bytes, count * bytes);
      })),
      ...(tensor.shape.length === 0 ? { shape: [1] } : {}),
    }),
  });
  const tensors = new Map<string, TensorSource>();
  const unread: { name: string; shape: readonly number[] }[] = [];
  for (const [name, { dtype, shape, begin }] of entries) {
    if (!Object.hasOwn(ELEMENT_TYPES, dtype)) {
      unread.push({ name, shape });
      continue;
    }
    types.add(dtype);
    const count = shape.reduce((product, size) => product * size, 1);
    const strides = shape.map((_, axis) =>
      shape.slice(axis + 1).reduce((product, size) => product * size, 1),
    );
    const storage = { key: name, type: dtype as ElementType, length: count, base: 0 };
    tensors.set(name, source(new StoredTensor(storage, 0, shape, strides), begin));
  }
  if (tensors.size === 0) throw nothing(file);
  return {
    format: 'safetensors',
    tensors,
    unread,
    converted: [...types].filter(isConverted),
    epoch: null,
    arch: null,
    optimizer: null,
    source,
    number: async (tensor) => Number((await source(tensor).read()).data[0]),
  };
}

const isConverted = (type: string): boolean => type !== 'F32' && type !== 'I64';

function nothing({ name }: ByteSource): MocoError {
  return new MocoError(
    'data-invalid',
    `${name} holds no weights: no dictionary of tensors, at its top or under ${FOLDERS.join(', ')}`,
  );
}
