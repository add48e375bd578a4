/**
 * The PNG codec of @jsquash/png, an instance at a time. Its own loader makes one instance for as long as the page or process
 * lives; the codec (Rust) panics on damaged files and cannot go on after that, nor give back the memory that it had.
 */
import { compileCodec } from '../../runtime/codecs.ts';
import { type RgbImage, withoutAlpha } from '../image.ts';

/** Gray of 16 bits a pixel. */
export interface Gray16 {
  readonly width: number;
  readonly height: number;
  readonly data: Uint16Array;
}

interface Exports {
  readonly memory: WebAssembly.Memory;
  readonly __wbindgen_malloc: (bytes: number, alignment: number) => number;
  readonly __wbindgen_free: (at: number, bytes: number, alignment: number) => void;
  /** Takes the file over; gives the number of what `made` has. */
  readonly decode: (at: number, bytes: number) => number;
  readonly decode_rgba16: (at: number, bytes: number) => number;
  readonly imagedatargba16_width: (image: number) => number;
  readonly imagedatargba16_height: (image: number) => number;
  readonly imagedatargba16_data: (image: number) => number;
  readonly __wbg_imagedatargba16_free: (image: number) => void;
}

let module: Promise<WebAssembly.Module> | null = null;

export class PngDecoder {
  readonly #codec: Exports;
  /** What the codec has made, by number. */
  readonly #made: Map<number, unknown>;

  private constructor(codec: Exports, made: Map<number, unknown>) {
    this.#codec = codec;
    this.#made = made;
  }

  /** @throws MocoError backend-unavailable */
  static async open(): Promise<PngDecoder> {
    module ??= compileCodec('squoosh_png_bg.wasm');
    const compiled = await module;
    const made = new Map<number, unknown>();
    let last = 0;
    const keep = (value: unknown) => {
      made.set(++last, value);
      return last;
    };
    let codec: Exports | null = null;
    // By what their names begin with: the rest are digests of the build.
    const known: Readonly<Record<string, (...numbers: number[]) => unknown>> = {
      __wbindgen_memory: () => keep(codec!.memory),
      __wbg_buffer_: (memory) => keep((made.get(memory!) as WebAssembly.Memory).buffer),
      __wbg_newwithbyteoffsetandlength_: (buffer, at, length) =>
        keep(new Uint16Array(made.get(buffer!) as ArrayBuffer, at! >>> 0, length! >>> 0)),
      __wbindgen_object_drop_ref: (number) => made.delete(number!),
      __wbg_newwithownedu8clampedarrayandsh_: (at, bytes, width, height) => {
        // RGB at once, out of the codec's memory: a photograph's RGBA would be held twice.
        const rgba = new Uint8Array(codec!.memory.buffer, at! >>> 0, bytes! >>> 0);
        const image = withoutAlpha({ data: rgba, width: width! >>> 0, height: height! >>> 0 });
        codec!.__wbindgen_free(at!, bytes!, 1);
        return keep(image);
      },
      __wbindgen_throw: () => {
        throw new Error('the decoder gave up');
      },
    };
    const imports: Record<string, WebAssembly.ImportValue> = {};
    for (const { name } of WebAssembly.Module.imports(compiled)) {
      const [, found] = Object.entries(known).find(([start]) => name.startsWith(start)) ?? [];
      if (!found) throw new Error(`the PNG codec wants ${name}, which is unknown`);
      imports[name] = found;
    }
    const { exports } = await WebAssembly.instantiate(compiled, { wbg: imports });
    codec = exports as unknown as Exports;
    return new PngDecoder(codec, made);
  }

  /** 8-bit RGB. After a throw the decoder is of no use. @throws where the file is damaged */
  rgb(file: Uint8Array): RgbImage {
    return this.#taken(this.#codec.decode(this.#copied(file), file.length)) as RgbImage;
  }

  /** The gray of a gray file of 16 bits. After a throw the decoder is of no use. @throws where the file is damaged */
  gray16(file: Uint8Array): Gray16 {
    const codec = this.#codec;
    const image = codec.decode_rgba16(this.#copied(file), file.length);
    const width = codec.imagedatargba16_width(image) >>> 0;
    const height = codec.imagedatargba16_height(image) >>> 0;
    const rgba = this.#taken(codec.imagedatargba16_data(image)) as Uint16Array;
    const data = new Uint16Array(width * height);
    for (let p = 0; p < data.length; p++) data[p] = rgba[4 * p]!;
    codec.__wbg_imagedatargba16_free(image);
    return { width, height, data };
  }

  #copied(file: Uint8Array): number {
    const at = this.#codec.__wbindgen_malloc(file.length, 1) >>> 0;
    new Uint8Array(this.#codec.memory.buffer).set(file, at);
    return at;
  }

  #taken(number: number): unknown {
    const value = this.#made.get(number);
    this.#made.delete(number);
    return value;
  }
}
