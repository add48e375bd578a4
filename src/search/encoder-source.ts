/** Where an encoder is, as users say it and as it can be posted to a worker. */
import { kindOf, shown } from '../arguments.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import { MocoError } from '../errors.ts';
import { isAddress, placeOf } from '../runtime/read-bytes.ts';

/**
 * - a run directory (its newest checkpoint) or one checkpoint, by path: in a page, of its origin private file system;
 * - what `loadCheckpoint` gave;
 * - an ONNX file: its address (a string with a scheme, or a URL), a path or relative address that ends in `.onnx`, a File or
 *   Blob, or its bytes.
 */
export type EncoderSource = string | URL | Blob | ArrayBuffer | Uint8Array | LoadedCheckpoint;

/** The same as plain data. */
export type PostableSource =
  | { readonly kind: 'run'; readonly path: string }
  | { readonly kind: 'checkpoint'; readonly checkpoint: LoadedCheckpoint }
  | { readonly kind: 'place'; readonly place: string }
  | { readonly kind: 'file'; readonly file: Blob }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array };

/** Also of an address with a query. */
const ONNX_NAME = /\.onnx(?=$|[?#])/i;

/** @throws MocoError usage for anything else */
export function postableSource(source: EncoderSource): PostableSource {
  if (typeof source === 'string' && source !== '') {
    const isFile = isAddress(source) || ONNX_NAME.test(source);
    return isFile ? { kind: 'place', place: placeOf(source) } : { kind: 'run', path: source };
  }
  switch (kindOf(source)) {
    case 'URL':
      return { kind: 'place', place: placeOf(source as URL) };
    case 'Blob':
    case 'File':
      return { kind: 'file', file: source as Blob };
    case 'ArrayBuffer':
      return { kind: 'bytes', bytes: new Uint8Array(source as ArrayBuffer) };
    case 'Uint8Array':
      return { kind: 'bytes', bytes: source as Uint8Array };
  }
  const { state, tensors } = (source ?? {}) as Partial<LoadedCheckpoint>;
  if (state && tensors) return { kind: 'checkpoint', checkpoint: source as LoadedCheckpoint };
  throw new MocoError(
    'usage',
    `${shown(source)} is no encoder: give a run directory, a loaded checkpoint, or an ONNX file by its path, URL or bytes`,
  );
}
