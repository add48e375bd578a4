import { MocoError } from '../../errors.ts';
import type { RgbImage } from '../image.ts';
import { type AugmentExports, instantiateAugment } from './module.ts';

/** The last 64 KiB below 4 GiB are never had; see wasm/memory.ts. */
const MOST_BYTES = 0xffff0000 - 64;

/**
 * The image that is being made into a view, in the memory of augment.wasm, where the operations of this folder change it.
 * It holds one image after another and keeps its memory from one to the next: whoever makes views has one.
 *
 * Rows of three planes, [height, 3, stride] bytes; see wasm/augment/index.ts.
 */
export class Canvas {
  /** In pixels. */
  width = 0;
  height = 0;
  /** Bytes of one color of a row: the width rounded up to a multiple of 16. What is beyond the width is any. */
  stride = 0;
  readonly exports: AugmentExports;
  readonly #memory: WebAssembly.Memory;
  readonly #parts = new Map<string, { pointer: number; bytes: number }>();
  #bytes = new Uint8Array(0);

  private constructor(exports: AugmentExports, memory: WebAssembly.Memory) {
    this.exports = exports;
    this.#memory = memory;
  }

  /**
   * @param maximumPages of 64 KiB, that its memory may grow to (default 4 GiB)
   * @throws MocoError backend-unavailable without WebAssembly SIMD, or where augment.wasm is missing
   */
  static async open(maximumPages?: number): Promise<Canvas> {
    const { exports, memory } = await instantiateAugment(maximumPages);
    return new Canvas(exports, memory);
  }

  /** Makes it that large, whole numbers from 1 on; the pixels are any. @throws MocoError out-of-memory */
  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.stride = Math.ceil(width / 16) * 16;
    // Blur takes 16 rows of a color at a time.
    this.scratch('pixels', Math.ceil((3 * height) / 16) * 16 * this.stride);
  }

  /** Where the pixels lie. */
  get pixels(): number {
    return this.#parts.get('pixels')?.pointer ?? 0;
  }

  /** The whole memory, as bytes: until it grows, which `resize` and `scratch` may bring about. */
  get memory(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.buffer !== this.#memory.buffer) {
      this.#bytes = new Uint8Array(this.#memory.buffer as ArrayBuffer);
    }
    return this.#bytes;
  }

  /**
   * Room for that many bytes under that name, at a multiple of 16; the same place as long as it is enough.
   * @throws MocoError out-of-memory
   */
  scratch(name: string, bytes: number): number {
    const part = this.#parts.get(name);
    if (part !== undefined && part.bytes >= bytes) return part.pointer;
    if (part !== undefined) {
      this.exports.free(part.pointer);
      this.#parts.delete(name);
    }
    const pointer = bytes <= MOST_BYTES ? this.exports.allocate(bytes) >>> 0 : 0;
    if (pointer === 0) {
      throw new MocoError(
        'out-of-memory',
        `a view of ${this.width}×${this.height} pixels: no memory for ${bytes} bytes (${name})`,
      );
    }
    this.#parts.set(name, { pointer, bytes });
    return pointer;
  }

  /** A copy of what it holds. */
  image(): RgbImage {
    const { width, height, stride, memory } = this;
    const data = new Uint8Array(3 * width * height);
    let to = 0;
    for (let row = this.pixels; to < data.length; row += 3 * stride) {
      for (let x = row; x < row + width; x++) {
        data[to++] = memory[x]!;
        data[to++] = memory[x + stride]!;
        data[to++] = memory[x + 2 * stride]!;
      }
    }
    return { width, height, data };
  }
}
