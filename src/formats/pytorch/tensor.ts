/** The values of a tensor, whatever its strides, in the types that are held here. */
import { fromBrainFloat, fromHalf } from '../../onnx/import/to-float32.ts';
import type { NamedTensor } from '../safetensors.ts';
import { ELEMENT_TYPES, type ElementType, type StoredTensor } from './values.ts';

/** Elements [first, first + count) of a tensor's storage, as bytes. */
export type ReadElements = (first: number, count: number) => Promise<Uint8Array<ArrayBuffer>>;

/** What lies between the elements of a view is read along with them, up to so many bytes. */
const MOST_SPAN_BYTES = 2 ** 26;

/** In row-major order: float types as float32, whole numbers and truth values as int64. */
export async function valuesOf(tensor: StoredTensor, read: ReadElements): Promise<NamedTensor> {
  const { storage, shape, strides, offset, count } = tensor;
  const { type } = storage;
  if (type === 'F32' && isRowMajor(shape, strides)) {
    return { dtype: 'F32', shape, data: new Float32Array((await read(offset, count)).buffer) };
  }
  if (isFloat(type)) {
    const data = new Float32Array(count);
    await fill(tensor, read, (bytes) => {
      const source = floats(type, bytes);
      return (from, to) => {
        data[to] = source[from]!;
      };
    });
    return { dtype: 'F32', shape, data };
  }
  const data = new BigInt64Array(count);
  await fill(tensor, read, (bytes) => {
    const source = wholes(type, bytes);
    return (from, to) => {
      data[to] = BigInt(source[from]!);
    };
  });
  return { dtype: 'I64', shape, data };
}

export const isFloat = (type: ElementType): boolean => type.includes('F');

/** Takes bytes of the storage; then elements of these are put where they belong. */
type Put = (bytes: Uint8Array<ArrayBuffer>) => (from: number, to: number) => void;

async function fill({ shape, strides, offset, count, storage }: StoredTensor, read: ReadElements, put: Put) {
  if (count === 0) return;
  const elementBytes = ELEMENT_TYPES[storage.type];
  const inner = (axis: number) => shape.slice(axis).reduce((product, size) => product * size, 1);
  const span = (axis: number) =>
    shape.slice(axis).reduce((sum, size, i) => sum + (size - 1) * strides[axis + i]!, 1);
  const piece = async (axis: number, first: number, to: number): Promise<void> => {
    if (
      axis < shape.length &&
      span(axis) * elementBytes > Math.max(MOST_SPAN_BYTES, 2 * inner(axis) * elementBytes)
    ) {
      const length = inner(axis + 1);
      for (let i = 0; i < shape[axis]!; i++)
        await piece(axis + 1, first + i * strides[axis]!, to + i * length);
      return;
    }
    const one = put(await read(first, span(axis)));
    elements(shape.slice(axis), strides.slice(axis), 0, to, one);
  };
  await piece(0, offset, 0);
}

/** Calls for each element, in row-major order. */
function elements(
  shape: readonly number[],
  strides: readonly number[],
  from: number,
  to: number,
  one: (from: number, to: number) => void,
): void {
  const [size = 1, ...inner] = shape;
  const [stride = 1, ...steps] = strides;
  const length = inner.reduce((product, n) => product * n, 1);
  for (let i = 0; i < size; i++) {
    if (inner.length === 0) one(from + i * stride, to + i);
    else elements(inner, steps, from + i * stride, to + i * length, one);
  }
}

function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

let halves: Float32Array | null = null;
/** What each of the 65536 half floats is. */
const halfTable = () => (halves ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => fromHalf(bits)));

/** Of the bytes of float elements. A view where they are held as they are, else a copy. */
export function floats(
  type: ElementType,
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
): Float32Array | Float64Array {
  switch (type) {
    case 'F64':
      return new Float64Array(buffer, byteOffset, byteLength / 8);
    case 'F16': {
      const table = halfTable();
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), (bits) => table[bits]!);
    }
    case 'BF16':
      return Float32Array.from(new Uint16Array(buffer, byteOffset, byteLength / 2), fromBrainFloat);
    default:
      return new Float32Array(buffer, byteOffset, byteLength / 4);
  }
}

const WHOLES = {
  I64: BigInt64Array,
  I32: Int32Array,
  I16: Int16Array,
  I8: Int8Array,
  U8: Uint8Array,
  BOOL: Uint8Array,
} as const;

export function wholes(
  type: ElementType,
  { buffer, byteOffset, byteLength }: Uint8Array<ArrayBuffer>,
): ArrayLike<number | bigint> {
  const Elements = WHOLES[type as keyof typeof WHOLES];
  return new Elements(buffer, byteOffset, byteLength / Elements.BYTES_PER_ELEMENT);
}
