/** Pickles as Python reads them, of what checkpoints are made of. */
import { MocoError } from '../../errors.ts';
import type { NamedTensor } from '../safetensors.ts';

/** A collections.OrderedDict; a plain Map becomes a dict. */
export class OrderedDict extends Map<string, Picklable> {}

export type PickledTensor = (
  | NamedTensor
  | { readonly dtype: 'F64'; readonly shape: readonly number[]; readonly data: Float64Array }
) & {
  /** No axes: what PyTorch calls a tensor of one number. The shape here is then [1]. */
  readonly scalar?: boolean;
};

/**
 * A number with a fraction, as a tensor of one float64, which Python takes for a number: the `weights_only` reader of
 * PyTorch 1.13 refuses Python's own floats (it knows no BINFLOAT), and those after it take either.
 */
export function float(value: number): PickledTensor {
  return { dtype: 'F64', shape: [1], data: Float64Array.of(value), scalar: true };
}

export type Picklable =
  | null
  | boolean
  | number
  | string
  | PickledTensor
  | readonly Picklable[]
  | ReadonlyMap<string | number, Picklable>;

/** Writes a tensor into a pickle. */
export type WriteTensor = (writer: PickleWriter, tensor: PickledTensor) => void;

const UTF8 = new TextEncoder();

export class PickleWriter {
  readonly #pieces: Uint8Array[] = [];
  readonly #tensor: WriteTensor;

  /** @param protocol 2, which torch.load(weights_only=True) takes alone; 3 has bytes */
  constructor(protocol: 2 | 3, tensor: WriteTensor) {
    this.#tensor = tensor;
    this.code(0x80, protocol);
  }

  /** The whole pickle of a value, in pieces. */
  static pickle(protocol: 2 | 3, value: Picklable, tensor: WriteTensor): Uint8Array[] {
    const writer = new PickleWriter(protocol, tensor);
    writer.write(value);
    writer.code(0x2e); // STOP
    return writer.#pieces;
  }

  code(...bytes: number[]): void {
    this.#pieces.push(Uint8Array.from(bytes));
  }

  write(value: Picklable): void {
    if (value === null) this.code(0x4e);
    else if (typeof value === 'boolean') this.code(value ? 0x88 : 0x89);
    else if (typeof value === 'number') this.#whole(value);
    else if (typeof value === 'string') this.text(value);
    else if (Array.isArray(value)) this.#list(value);
    else if (value instanceof Map) this.#dictionary(value);
    else this.#tensor(this, value as PickledTensor);
  }

  text(value: string): void {
    const bytes = UTF8.encode(value);
    this.#sized(0x58, bytes);
  }

  /** BINBYTES: protocol 3. */
  bytes(value: Uint8Array): void {
    this.#sized(0x42, value);
  }

  global(module: string, name: string): void {
    this.#pieces.push(UTF8.encode(`c${module}\n${name}\n`));
  }

  tuple(values: readonly (Picklable | (() => void))[]): void {
    this.code(0x28);
    for (const value of values) {
      if (typeof value === 'function') value();
      else this.write(value);
    }
    this.code(0x74);
  }

  #sized(code: number, bytes: Uint8Array): void {
    const head = new Uint8Array(5);
    head[0] = code;
    new DataView(head.buffer).setUint32(1, bytes.length, true);
    this.#pieces.push(head, bytes);
  }

  #whole(value: number): void {
    if (!Number.isSafeInteger(value)) throw new MocoError('usage', `${value} is no whole number`);
    if (value >= 0 && value < 256) {
      this.code(0x4b, value);
      return;
    }
    const bytes = new Uint8Array(10);
    const view = new DataView(bytes.buffer);
    if (value === (value | 0)) {
      bytes[0] = 0x4a;
      view.setInt32(1, value, true);
      this.#pieces.push(bytes.subarray(0, 5));
    } else {
      bytes.set([0x8a, 8]);
      view.setBigInt64(2, BigInt(value), true);
      this.#pieces.push(bytes);
    }
  }

  #list(values: readonly Picklable[]): void {
    this.code(0x5d, 0x28);
    for (const value of values) this.write(value);
    this.code(0x65);
  }

  #dictionary(values: ReadonlyMap<string | number, Picklable>): void {
    if (values instanceof OrderedDict) {
      this.global('collections', 'OrderedDict');
      this.code(0x29, 0x52);
    } else this.code(0x7d);
    this.code(0x28);
    for (const [key, value] of values) {
      this.write(key);
      this.write(value);
    }
    this.code(0x75);
  }
}
