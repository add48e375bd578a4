import decodeJpeg, { init as initJpeg } from '@jsquash/jpeg/decode.js';
import decodePng, { init as initPng } from '@jsquash/png/decode.js';
import decodeWebp, { init as initWebp } from '@jsquash/webp/decode.js';
import { MocoError, messageOf } from '../errors.ts';
import { compileCodec, provideImageData } from '../runtime/codecs.ts';
import type { RgbImage } from './image.ts';
import { type ImageHeader, readImageHeader } from './image-header.ts';

/** Larger images are refused from their header, before memory is taken for them. */
export const MAX_PIXELS = 100_000_000;

/** The emscripten codecs take a compiled module and options first; their types leave that out. */
type EmscriptenInit = (
  module: WebAssembly.Module,
  options: { print: (line: string) => void; printErr: (line: string) => void },
) => Promise<void>;

/** What the JPEG decoder said about the image at hand: it mends damage with a warning and goes on. */
let warnings: string[] = [];
const output = { print: () => {}, printErr: (line: string) => void warnings.push(line) };

const modules = new Map<string, Promise<WebAssembly.Module>>();
const ready = new Map<ImageHeader['format'], Promise<unknown>>();

function compiled(file: string): Promise<WebAssembly.Module> {
  let module = modules.get(file);
  if (module === undefined) {
    module = compileCodec(file);
    modules.set(file, module);
  }
  return module;
}

async function start(format: ImageHeader['format']): Promise<unknown> {
  provideImageData();
  if (format === 'jpeg') {
    const init = initJpeg as unknown as EmscriptenInit;
    return init(await compiled('mozjpeg_dec.wasm'), output);
  }
  if (format === 'webp') {
    const init = initWebp as unknown as EmscriptenInit;
    return init(await compiled('webp_dec.wasm'), output);
  }
  return initPng(await compiled('squoosh_png_bg.wasm'));
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
  await starting;
  const buffer = bytes.byteLength === bytes.buffer.byteLength ? bytes.buffer : bytes.slice().buffer;
  warnings = [];
  let decoded: ImageData;
  try {
    if (format === 'jpeg') decoded = await decodeJpeg(buffer);
    else if (format === 'png') decoded = await decodePng(buffer);
    else decoded = await decodeWebp(buffer);
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

/** RGB of RGBA; what is transparent keeps its color. */
export function withoutAlpha(image: {
  data: Uint8Array | Uint8ClampedArray;
  width: number;
  height: number;
}): RgbImage {
  const { data: rgba, width, height } = image;
  const data = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from]!;
    data[to + 1] = rgba[from + 1]!;
    data[to + 2] = rgba[from + 2]!;
  }
  return { width, height, data };
}

function corrupt(reason: string, cause?: unknown): MocoError {
  return new MocoError('image-corrupt', reason, cause === undefined ? undefined : { cause });
}
