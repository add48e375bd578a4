/** TensorProto: tensors in model files. */
import { create } from '@bufbuild/protobuf';
import { MocoError, messageOf } from '../errors.ts';
import { count } from './dims.ts';
import { type ExternalData, readExternal } from './external-data.ts';
import type { Constant, ElementType } from './graph.ts';
import { type TensorProto, TensorProtoSchema } from './onnx_pb.ts';
import { DATA_TYPES, TYPE_OF } from './types.ts';

/** More than any tensor of a model that this machine could run. */
export const MOST_ELEMENTS = 2 ** 31;

export function encodeTensor(name: string, { type, shape, data }: Constant): TensorProto {
  return create(TensorProtoSchema, {
    name,
    dataType: DATA_TYPES[type],
    dims: shape.map(BigInt),
    rawData: new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength).slice(),
  });
}

/** @throws MocoError model-invalid, naming the tensor */
export function decodeTensor(tensor: TensorProto, external?: ExternalData): Constant {
  const narrow = NARROW.get(tensor.dataType);
  const type = narrow?.type ?? TYPE_OF.get(tensor.dataType);
  const shape = tensor.dims.map(Number);
  const fail = (what: string, cause?: unknown): never => {
    throw new MocoError('model-invalid', `tensor ${tensor.name || '(unnamed)'}: ${what}`, { cause });
  };
  if (type === undefined) return fail(`element type ${tensor.dataType} is not supported`);
  const length = count(shape);
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0) || length > MOST_ELEMENTS) {
    return fail(`impossible shape [${shape}]`);
  }
  let raw = tensor.rawData;
  if (tensor.dataLocation !== 0 || tensor.externalData.length > 0) {
    if (!external) return fail('its data lies outside the file, and nothing was given to read it with');
    try {
      raw = readExternal(
        tensor.externalData,
        length * (narrow?.Elements ?? ELEMENTS[type]).BYTES_PER_ELEMENT,
        external,
      );
    } catch (error) {
      return fail(messageOf(error), error);
    }
  }
  const data =
    raw.length > 0 || length === 0
      ? narrow
        ? widened(narrow, raw)
        : rawValues(type, raw)
      : listed(type, tensor);
  if (data === null || data.length !== length) {
    return fail(
      `shape [${shape}] needs ${length} values, the file holds ${data?.length ?? 'a broken number'}`,
    );
  }
  return { type, shape, data };
}

/** Half floats are kept as their bits: JavaScript has no array of them everywhere. */
const ELEMENTS = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  int64: BigInt64Array,
  int32: Int32Array,
  uint8: Uint8Array,
  bool: Uint8Array,
} as const satisfies Record<ElementType, unknown>;

/** Whole numbers of other sizes are read as those that we compute with: TensorProto.DataType of the specification. */
interface Narrow {
  readonly type: 'int32' | 'int64';
  readonly Elements:
    | typeof Int8Array
    | typeof Uint16Array
    | typeof Int16Array
    | typeof Uint32Array
    | typeof BigUint64Array;
}
const NARROW: ReadonlyMap<number, Narrow> = new Map<number, Narrow>([
  [3, { type: 'int32', Elements: Int8Array }],
  [4, { type: 'int32', Elements: Uint16Array }],
  [5, { type: 'int32', Elements: Int16Array }],
  [12, { type: 'int64', Elements: Uint32Array }],
  [13, { type: 'int64', Elements: BigUint64Array }],
]);

function widened({ type, Elements }: Narrow, raw: Uint8Array): Constant['data'] | null {
  if (raw.length % Elements.BYTES_PER_ELEMENT !== 0) return null;
  const values = new Elements(new Uint8Array(raw).buffer);
  return type === 'int32' ? Int32Array.from(values, Number) : BigInt64Array.from(values, BigInt);
}

/** raw_data, aligned by a copy; null where the bytes are no whole number of elements. */
function rawValues(type: ElementType, raw: Uint8Array): Constant['data'] | null {
  const Elements = ELEMENTS[type];
  if (raw.length % Elements.BYTES_PER_ELEMENT !== 0) return null;
  // Not raw.slice(): that of Node's Buffer, which readFile gives, makes no copy.
  return new Elements(new Uint8Array(raw).buffer);
}

/** The typed lists that a writer may use instead of raw_data. */
function listed(type: ElementType, tensor: TensorProto): Constant['data'] {
  switch (type) {
    case 'float32':
      return Float32Array.from(tensor.floatData);
    case 'float64':
      return Float64Array.from(tensor.doubleData);
    case 'int64':
      return BigInt64Array.from(tensor.int64Data);
    default:
      return ELEMENTS[type].from(tensor.int32Data);
  }
}
