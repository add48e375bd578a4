import { MocoError, messageOf } from '../errors.ts';
import { type CodecFile, compileCodec, provideImageData } from '../runtime/codecs.ts';
import { type RgbImage, withoutAlpha } from './image.ts';
import { type ImageHeader, MAX_PIXELS, readImageHeader } from './image-header.ts';

/** The emscripten codecs take a compiled module and options first; their types leave that out. */
type EmscriptenInit = (
  module: WebAssembly.Module,
  options: { print: (line: string) => void; printErr: (line: string) => void },
) => Promise<void>;

/** What the JPEG decoder said about the image at hand: it mends damage with a warning and goes on. */
let warnings: string[] = [];
const output = { print: () => {}, printErr: (line: string) => void warnings.push(line) };

const modules = new Map<string, Promise<WebAssembly.Module>>();
/** Gives the pixels of a file's bytes. */
type Decoder = (bytes: ArrayBuffer) => Promise<ImageData>;
const ready = new Map<ImageHeader['format'], Promise<Decoder>>();

function compiled(file: CodecFile): Promise<WebAssembly.Module> {
  let module = modules.get(file);
  if (module === undefined) {
    module = compileCodec(file);
    modules.set(file, module);
  }
  return module;
}

/** The codec of a format, loaded when the first image of it comes. */
async function start(format: ImageHeader['format']): Promise<Decoder> {
  provideImageData();
  if (format === 'png') {
    const { default: decode, init } = await import('@jsquash/png/decode.js');
    await init(await compiled('squoosh_png_bg.wasm'));
    return decode;
  }
  const [{ default: decode, init }, file] =
    format === 'jpeg'
      ? ([await import('@jsquash/jpeg/decode.js'), 'mozjpeg_dec.wasm'] as const)
      : ([await import('@jsquash/webp/decode.js'), 'webp_dec.wasm'] as const);
  await (init as unknown as EmscriptenInit)(await compiled(file), output);
  return decode;
}

/**
 * Decodes a JPEG, PNG or WebP file, told apart by content, to 8-bit RGB, with the same WebAssembly codec in every
 * runtime. Results are those of Pillow's `Image.open(…).convert('RGB')`, bit for bit where tested: gray is repeated,
 * alpha is dropped, palettes are looked up, 16-bit color keeps its upper byte, EXIF orientation is ignored. Two
 * differences: 16-bit gray keeps its upper byte (Pillow clips at 255, which leaves white), and JPEG files in CMYK and
 * WebP films are refused, because the codecs cannot decode them.
 *
 * @param bytes the whole file.
 * @throws MocoError image-corrupt — not such an image, damaged, cut short, of a kind that cannot be decoded, or above
 * MAX_PIXELS. The message gives the reason only; the caller knows the name.
 */
export function decodeImage(bytes: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  // One at a time, so that the decoder's warnings belong to the image at hand. It blocks the thread anyway.
  const result = turn.then(() => decodeNow(bytes));
  turn = result.catch(() => {});
  return result;
}

let turn: Promise<unknown> = Promise.resolve();

async function decodeNow(bytes: Uint8Array<ArrayBuffer>): Promise<RgbImage> {
  const header = readImageHeader(bytes);
  checkHeader(header, bytes);
  const { format } = header;
  let starting = ready.get(format);
  if (starting === undefined) {
    starting = start(format);
    ready.set(format, starting);
  }
  const decode = await starting;
  const buffer = bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  warnings = [];
  let decoded: ImageData;
  try {
    decoded = await decode(buffer);
  } catch (error) {
    // A codec that gave up half-way keeps the memory it had: start afresh with the next image.
    if (format !== 'png') ready.delete(format);
    const reason = warnings.at(-1) ?? (error instanceof Error ? messageOf(error) : 'the decoder gave up');
    throw corrupt(`damaged ${format.toUpperCase()}: ${reason}`, error);
  }
  // "extraneous bytes" is harmless padding; anything else means that pixels were made up.
  const damage = warnings.find(
    (line) => /corrupt|premature/i.test(line) && !line.includes('extraneous bytes'),
  );
  if (damage !== undefined) throw corrupt(`damaged JPEG: ${damage}`);
  if (decoded.width !== header.width || decoded.height !== header.height) {
    throw corrupt(
      `the header says ${header.width}×${header.height}, the pixels ${decoded.width}×${decoded.height}`,
    );
  }
  return withoutAlpha(decoded);
}

function checkHeader(header: ImageHeader | null, bytes: Uint8Array): asserts header is ImageHeader {
  if (bytes.length === 0) throw corrupt('the file is empty');
  if (header === null) throw corrupt('not a JPEG, PNG or WebP image, or cut short in its header');
  const { format, width, height, channels } = header;
  if (width === 0 || height === 0) throw corrupt(`its header says ${width}×${height} pixels`);
  if (width * height > MAX_PIXELS) {
    throw corrupt(`${width}×${height} pixels are more than the ${MAX_PIXELS / 1e6} megapixels allowed`);
  }
  if (!header.complete) throw corrupt(`the ${format.toUpperCase()} file is cut short or damaged`);
  if (format === 'jpeg' && channels === 4) throw corrupt('CMYK JPEG cannot be decoded: convert it to RGB');
  if (header.animated) throw corrupt('animated WebP cannot be decoded: save one frame of it');
}

function corrupt(reason: string, cause?: unknown): MocoError {
  return new MocoError('image-corrupt', reason, cause === undefined ? undefined : { cause });
}
