/** Tensors as NumPy arrays in a plain pickle, without torch: what Detectron2's loader reads. */
import { type Picklable, type PickledTensor, PickleWriter } from './pickle.ts';

/** In NumPy's words, little-endian. */
const TYPES = { F64: 'f8', F32: 'f4', I64: 'i8', U8: 'u1' } as const;

/** The file in pieces. */
export function pickleNumpy(value: Picklable): Uint8Array[] {
  return PickleWriter.pickle(3, value, array);
}

/** As numpy.ndarray's __reduce__ has it: an empty array, whose state is then set. */
function array(writer: PickleWriter, { dtype, shape, data, scalar }: PickledTensor): void {
  writer.global('numpy.core.multiarray', '_reconstruct');
  writer.tuple([
    () => writer.global('numpy', 'ndarray'),
    () => writer.tuple([0]),
    () => writer.bytes(Uint8Array.of(0x62)), // b'b'
  ]);
  writer.code(0x52); // REDUCE
  writer.tuple([
    1,
    () => writer.tuple(scalar ? [] : shape),
    () => type(writer, TYPES[dtype]),
    false,
    () => writer.bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
  ]);
  writer.code(0x62); // BUILD
}

function type(writer: PickleWriter, name: string): void {
  writer.global('numpy', 'dtype');
  writer.tuple([name, false, true]);
  writer.code(0x52); // REDUCE
  writer.tuple([3, name === 'u1' ? '|' : '<', null, null, null, -1, -1, 0]);
  writer.code(0x62); // BUILD
}
