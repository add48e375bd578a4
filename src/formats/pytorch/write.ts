/** Files of torch.save, zip format, as torch.load(weights_only=True) takes them: since PyTorch 1.6. */
import { Zip, ZipPassThrough } from 'fflate';
import { OrderedDict, type Picklable, type PickledTensor, PickleWriter } from './pickle.ts';

/** The folder in the archive; torch takes any. */
const FOLDER = 'archive';
/** The least that zip can tell: the same tensors always give the same bytes. */
const TIME = new Date(1980, 0, 1);
const VERSION = '3\n';
const CLASSES = { F64: 'DoubleStorage', F32: 'FloatStorage', I64: 'LongStorage', U8: 'ByteStorage' } as const;

/** @param emit takes the file's bytes in order; what it is given does not change any more */
export function writePytorch(value: Picklable, emit: (bytes: Uint8Array) => void): void {
  const zip = new Zip((error, bytes) => {
    if (error) throw error;
    emit(bytes);
  });
  const add = (name: string, pieces: readonly Uint8Array[]) => {
    const entry = new ZipPassThrough(`${FOLDER}/${name}`);
    entry.mtime = TIME;
    zip.add(entry);
    for (const piece of pieces) entry.push(piece);
    entry.push(new Uint8Array(0), true);
  };
  const tensors: PickledTensor[] = [];
  add(
    'data.pkl',
    PickleWriter.pickle(2, value, (writer, tensor) => {
      rebuild(writer, tensor, tensors.length);
      tensors.push(tensor);
    }),
  );
  for (const [key, { data }] of tensors.entries()) add(`data/${key}`, [bytesOf(data)]);
  add('version', [new TextEncoder().encode(VERSION)]);
  zip.end();
}

function rebuild(writer: PickleWriter, { dtype, shape, data, scalar }: PickledTensor, key: number): void {
  const sizes = scalar ? [] : shape;
  const strides = sizes.map((_, axis) => sizes.slice(axis + 1).reduce((product, size) => product * size, 1));
  writer.global('torch._utils', '_rebuild_tensor_v2');
  writer.tuple([
    () => {
      writer.tuple([
        'storage',
        () => writer.global('torch', CLASSES[dtype]),
        String(key),
        'cpu',
        data.length,
      ]);
      writer.code(0x51); // BINPERSID
    },
    0,
    () => writer.tuple(sizes),
    () => writer.tuple(strides),
    false,
    new OrderedDict(),
  ]);
  writer.code(0x52); // REDUCE
}

function bytesOf({ buffer, byteOffset, byteLength }: PickledTensor['data']): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
