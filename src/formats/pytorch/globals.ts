/**
 * The globals that a pickle may name, and what each makes of its arguments. This is the whole list: whatever else a file
 * names (os.system, say) is refused by that name, and nothing of Python is ever run.
 */
import { type ElementType, Global, isDictionary, type Storage, StoredTensor, unreadable } from './values.ts';

const STORAGES: Readonly<Record<string, ElementType>> = {
  DoubleStorage: 'F64',
  FloatStorage: 'F32',
  HalfStorage: 'F16',
  BFloat16Storage: 'BF16',
  LongStorage: 'I64',
  IntStorage: 'I32',
  ShortStorage: 'I16',
  CharStorage: 'I8',
  ByteStorage: 'U8',
  BoolStorage: 'BOOL',
};

/** Of torch.float32 and its like, which optimizers and hyperparameters may hold: nothing here needs more than the name. */
const TYPES = new Set(
  'float16 float32 float64 bfloat16 half float double uint8 int8 int16 int32 int64 long int short bool'.split(
    ' ',
  ),
);

/** Axes of a tensor: PyTorch's own limit. */
const MOST_AXES = 64;

const CALLS: Readonly<Record<string, (args: readonly unknown[]) => unknown>> = {
  'collections OrderedDict': orderedDictionary,
  'torch Size': ([sizes = []]) => counts(sizes, 'a size'),
  'torch device': ([kind, index]) =>
    index === undefined ? String(kind) : `${String(kind)}:${String(index)}`,
  'torch._utils _rebuild_tensor': tensor,
  'torch._utils _rebuild_tensor_v2': tensor,
  'torch._utils _rebuild_parameter': ([data]) => {
    if (data instanceof StoredTensor) return data;
    throw unreadable('a parameter without a tensor');
  },
};

/** @throws MocoError data-invalid, with the name of one that is not known */
export function globalNamed(module: string, name: string): Global {
  const full = `${module} ${name}`;
  const known = Object.hasOwn(CALLS, full) || storageType(full) || isType(full);
  if (known) return new Global(full);
  throw unreadable(
    `it names ${printable(`${module}.${name}`)}, which is not among what weights are made of; nothing of it was run. ` +
      'If you trust where the file comes from, load it in Python and save its state_dict alone',
  );
}

/** What a call that the pickle asks for gives. */
export function called(global: unknown, args: unknown): unknown {
  if (!(global instanceof Global) || !Array.isArray(args)) throw unreadable('it calls what is no function');
  const call = Object.hasOwn(CALLS, global.name) ? CALLS[global.name] : undefined;
  if (!call) throw unreadable(`it calls ${printable(global.name)}`);
  return call(args);
}

/** A persistent id: ('storage', type, key, place, elements[, view]). */
export function storageOf(id: unknown): Storage {
  if (!Array.isArray(id) || id[0] !== 'storage')
    throw unreadable('a reference to something else than a storage');
  const [, kind, key, , elements, view] = id as unknown[];
  const type = kind instanceof Global ? storageType(kind.name) : undefined;
  if (type === undefined || typeof key !== 'string' || !isCount(elements))
    throw unreadable('a malformed storage');
  if (view === undefined || view === null) return { key, type, length: elements, base: 0 };
  const [, base, length] = Array.isArray(view) ? (view as unknown[]) : [];
  if (!isCount(base) || !isCount(length) || base + length > elements)
    throw unreadable('a malformed view of a storage');
  return { key, type, length, base };
}

function tensor(args: readonly unknown[]): StoredTensor {
  const [storage, offset, sizes, strides] = args;
  const shape = counts(sizes, 'a shape');
  const steps = counts(strides, 'strides');
  if (!isStorage(storage) || !isCount(offset) || shape.length !== steps.length)
    throw unreadable('a malformed tensor');
  return new StoredTensor(storage, offset, shape, steps);
}

function orderedDictionary([pairs = []]: readonly unknown[]): Map<unknown, unknown> {
  if (isDictionary(pairs)) return new Map(pairs);
  if (!Array.isArray(pairs)) throw unreadable('a malformed OrderedDict');
  return new Map(
    pairs.map((pair: unknown): [unknown, unknown] => {
      if (Array.isArray(pair) && pair.length === 2) return [pair[0], pair[1]];
      throw unreadable('a malformed OrderedDict');
    }),
  );
}

function storageType(full: string): ElementType | undefined {
  const name = full.startsWith('torch ') ? full.slice('torch '.length) : '';
  return Object.hasOwn(STORAGES, name) ? STORAGES[name] : undefined;
}

function isType(full: string): boolean {
  return full.startsWith('torch ') && TYPES.has(full.slice('torch '.length));
}

function counts(values: unknown, what: string): number[] {
  if (Array.isArray(values) && values.length <= MOST_AXES && values.every(isCount)) return [...values];
  throw unreadable(`${what} that is none`);
}

function isStorage(value: unknown): value is Storage {
  return typeof value === 'object' && value !== null && 'key' in value && 'base' in value;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Names come from the file: on one line, and not too long. */
function printable(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?').slice(0, 100);
}
