/** Where an index is, as callers say it. */
import { kindOf, shown } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { placeOf } from '../runtime/read-bytes.ts';

/** The path that it was saved to, an address (URL), a File or Blob, or its bytes. */
export type IndexSource = string | URL | Blob | ArrayBuffer | Uint8Array;

/** The same as plain data. */
export type PostableIndex = string | { readonly place: string } | Blob | Uint8Array;

/** @throws MocoError usage */
export function postableIndex(source: IndexSource): PostableIndex {
  if (typeof source === 'string') return source;
  switch (kindOf(source)) {
    case 'URL':
      return { place: placeOf(source as URL) };
    case 'Blob':
    case 'File':
      return source as Blob;
    case 'ArrayBuffer':
      return new Uint8Array(source as ArrayBuffer);
    case 'Uint8Array':
      return source as Uint8Array;
  }
  throw new MocoError('usage', `${shown(source)} is no index: give its path, a URL, a file or its bytes`);
}
