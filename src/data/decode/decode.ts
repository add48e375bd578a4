import { MocoError, messageOf } from '../../errors.ts';
import { type CodecFile, compileCodec, loadScript, provideImageData } from '../../runtime/codecs.ts';
import { type ImageHeader, type RgbImage, withoutAlpha } from '../image.ts';
import { fromGray16 } from './gray16.ts';
import { READ_FORMATS, readImageHeader } from './header.ts';
import { beyondLimits, DECODE_LIMITS, type DecodeLimits, tooShort } from './limits.ts';
import { significantBits } from './png-checksum.ts';
import { PngDecoder } from './png-decoder.ts';
import type { RareFormat, RareFormats } from './rare/rare-formats.ts';

/** The emscripten codecs take a compiled module and options first; their types leave that out. */
type EmscriptenInit = (
  module: WebAssembly.Module,
  options: { print: (line: string) => void; printErr: (line: string) => void },
) => Promise<void>;

/** What the JPEG decoder said about the image at hand: it mends damage with a warning and goes on. */
let warnings: string[] = [];
const output = { print: () => {}, printErr: (line: string) => void warnings.push(line) };

/** A decoder that is loaded and has not failed: it keeps the memory that its largest image took. */
interface Decoder {
  decode(
    bytes: Uint8Array<ArrayBuffer>,
    header: ImageHeader,
    limits: DecodeLimits,
  ): RgbImage | Promise<RgbImage>;
}

type DecoderName = 'jpeg' | 'png' | 'webp' | 'rare';

const modules = new Map<string, Promise<WebAssembly.Module>>();
const ready = new Map<DecoderName, Promise<Decoder>>();

function compiled(file: CodecFile): Promise<WebAssembly.Module> {
  let module = modules.get(file);
  if (module === undefined) {
    module = compileCodec(file);
    modules.set(file, module);
  }
  return module;
}

/** The codec of a format, loaded when the first image of it comes. */
const START: Readonly<Record<DecoderName, () => Promise<Decoder>>> = {
  async jpeg() {
    provideImageData();
    const { default: decodeJpeg, init } = await import('@jsquash/jpeg/decode.js');
    await (init as unknown as EmscriptenInit)(await compiled('mozjpeg_dec.wasm'), output);
    return { decode: async (bytes) => withoutAlpha(await decodeJpeg(bufferOf(bytes))) };
  },
  async webp() {
    provideImageData();
    const { default: decodeWebp, init } = await import('@jsquash/webp/decode.js');
    await (init as unknown as EmscriptenInit)(await compiled('webp_dec.wasm'), output);
    return { decode: async (bytes) => withoutAlpha(await decodeWebp(bufferOf(bytes))) };
  },
  async png() {
    const png = await PngDecoder.open();
    return {
      decode(bytes, { bitDepth, channels }) {
        if (bitDepth !== 16 || channels > 2) return png.rgb(bytes);
        const { width, height, data } = png.gray16(bytes);
        return fromGray16(data, width, height, significantBits(bytes));
      },
    };
  },
  async rare() {
    const rare = (await loadScript('rare-formats.js')) as RareFormats;
    return { decode: (bytes, header, { megabytes }) => rare.decode(rareFormat(header), bytes, megabytes) };
  },
};

/** An instance of a codec never gives memory back: after an image of as many pixels it is left to the collector. */
const LARGE = 16e6;

/**
 * Decodes an image file, told apart by content, to 8-bit RGB, with the same code in every runtime: JPEG, PNG and WebP by
 * WebAssembly codecs; BMP, GIF (its first picture), TIFF and CMYK JPEG by small decoders that are loaded when the first
 * comes. Results are those of Pillow's `Image.open(…).convert('RGB')`, bit for bit where tested (CMYK JPEG: within 3 of 255):
 * gray is repeated, alpha is dropped, palettes are looked up, 16-bit color keeps its upper byte, EXIF orientation of a JPEG is
 * ignored. Differences: 16-bit gray keeps the upper 8 of the bits that it uses (gray16.ts; Pillow clips at 255, which
 * leaves white), and WebP films are refused, because the codec cannot decode them.
 *
 * A file costs itself only: after one that a codec gave up on, the next gets a fresh instance.
 *
 * @param bytes the whole file.
 * @param limits what it may cost at most; left out: DECODE_LIMITS
 * @throws MocoError image-corrupt — not such an image, damaged, cut short, of a kind that cannot be decoded, or beyond the
 * limits. The message gives the reason only; the caller knows the name.
 */
export function decodeImage(
  bytes: Uint8Array<ArrayBuffer>,
  limits: DecodeLimits = DECODE_LIMITS,
): Promise<RgbImage> {
  // One at a time, so that the decoder's warnings belong to the image at hand. It blocks the thread anyway.
  const result = turn.then(() => decodeNow(bytes, limits));
  turn = result.catch(() => {});
  return result;
}

let turn: Promise<unknown> = Promise.resolve();

async function decodeNow(bytes: Uint8Array<ArrayBuffer>, limits: DecodeLimits): Promise<RgbImage> {
  const header = readImageHeader(bytes);
  checkHeader(header, bytes, limits);
  const name = decoderFor(header);
  const title = header.format === 'webp' ? 'WebP' : header.format.toUpperCase();
  let starting = ready.get(name);
  if (starting === undefined) {
    starting = START[name]();
    ready.set(name, starting);
  }
  let decoder: Decoder;
  try {
    decoder = await starting;
  } catch (error) {
    ready.delete(name);
    throw error;
  }
  warnings = [];
  let decoded: RgbImage;
  try {
    decoded = await decoder.decode(bytes, header, limits);
  } catch (error) {
    // A codec that gave up half-way keeps the memory it had, and may be in no state to go on.
    ready.delete(name);
    throw corrupt(`damaged ${title}: ${warnings.at(-1) ?? reasonOf(error)}`, error);
  }
  if (header.width * header.height >= LARGE) ready.delete(name);
  // "extraneous bytes" is harmless padding; anything else means that pixels were made up.
  const damage = warnings.find(
    (line) => /corrupt|premature/i.test(line) && !line.includes('extraneous bytes'),
  );
  if (damage !== undefined) throw corrupt(`damaged JPEG: ${damage}`);
  // A TIFF may be stored lying on its side.
  const isTurned = header.format === 'tiff' && decoded.width === header.height;
  if (!isTurned && (decoded.width !== header.width || decoded.height !== header.height)) {
    throw corrupt(
      `the header says ${header.width}×${header.height}, the pixels ${decoded.width}×${decoded.height}`,
    );
  }
  return decoded;
}

function decoderFor(header: ImageHeader): DecoderName {
  const { format } = header;
  if (format === 'png' || format === 'webp') return format;
  return format === 'jpeg' && header.channels !== 4 ? 'jpeg' : 'rare';
}

const rareFormat = ({ format }: ImageHeader): RareFormat =>
  format === 'bmp' || format === 'gif' || format === 'tiff' ? format : 'cmyk-jpeg';

/** A trap of WebAssembly says nothing to people; neither do the codes that emscripten throws. */
function reasonOf(error: unknown): string {
  const isOfCodec = error instanceof WebAssembly.RuntimeError || !(error instanceof Error);
  return isOfCodec || error.message === '' ? 'the decoder gave up' : messageOf(error);
}

const bufferOf = (bytes: Uint8Array<ArrayBuffer>): ArrayBuffer =>
  bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;

function checkHeader(
  header: ImageHeader | null,
  bytes: Uint8Array,
  limits: DecodeLimits,
): asserts header is ImageHeader {
  if (bytes.length === 0) throw corrupt('the file is empty');
  if (header === null) throw corrupt(`not ${READ_FORMATS}, or cut short in its header`);
  const { format, width, height } = header;
  if (width === 0 || height === 0) throw corrupt(`its header says ${width}×${height} pixels`);
  const beyond = beyondLimits(header, bytes.length, limits);
  if (beyond !== null) throw corrupt(beyond);
  if (!header.complete || tooShort(header, bytes.length)) {
    throw corrupt(`the ${format.toUpperCase()} file is cut short or damaged`);
  }
  if (header.animated) throw corrupt('animated WebP cannot be decoded: save one frame of it');
}

function corrupt(reason: string, cause?: unknown): MocoError {
  return new MocoError('image-corrupt', reason, cause === undefined ? undefined : { cause });
}
