/** Whole files by path or address, wherever this runs. */
import { bytesOf, kindOf } from '../arguments.ts';
import { MocoError, messageOf } from '../errors.ts';
import { runtimeName } from './detect.ts';
import { nodeModule } from './node.ts';

const SCHEME = /^(https?|file|data|blob):/i;

/** Whether a text can only be an address. */
export const isAddress = (text: string): boolean => SCHEME.test(text);

/**
 * The same place for a worker, which has another base: in browsers what is relative to the page (or to this worker) is made
 * absolute; elsewhere a text without a scheme is a path.
 */
export function placeOf(place: string | URL): string {
  if (typeof place !== 'string') return place.href;
  if (runtimeName() !== 'browser' || isAddress(place)) return place;
  const { document, location } = globalThis as {
    document?: { baseURI: string };
    location?: { href: string };
  };
  return new URL(place, document?.baseURI ?? location?.href).href;
}

/** A file as people have it: its path (Node, Deno), its address, a File or Blob, or its bytes. */
export type FileInput = string | URL | Blob | ArrayBuffer | Uint8Array;

/**
 * @param where, name for messages
 * @throws MocoError usage for anything else; data-missing; data-invalid when larger than `limit` bytes
 */
export async function bytesFrom(
  where: string,
  name: string,
  file: FileInput,
  limit: number,
): Promise<Uint8Array> {
  if ((typeof file === 'string' && file !== '') || kindOf(file) === 'URL') {
    return readBytes(placeOf(file as string | URL), limit);
  }
  if (kindOf(file) !== 'Blob' && kindOf(file) !== 'File') return bytesOf(where, name, file);
  const blob = file as Blob;
  if (blob.size > limit) throw tooLarge((blob as Partial<File>).name ?? name, blob.size, limit);
  return new Uint8Array(await blob.arrayBuffer());
}

/**
 * @param place what `placeOf` gives
 * @param limit bytes; more are refused
 * @throws MocoError data-missing, data-invalid when larger
 */
export async function readBytes(place: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await read(place, limit).catch((cause: unknown) => {
    if (cause instanceof MocoError) throw cause;
    throw new MocoError('data-missing', `cannot read ${shown(place)}: ${messageOf(cause)}`, { cause });
  });
  if (bytes.byteLength > limit) throw tooLarge(place, bytes.byteLength, limit);
  return bytes;
}

async function read(place: string, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  if (isAddress(place) && !/^file:/i.test(place)) {
    const response = await fetch(place);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
    const announced = Number(response.headers.get('content-length') ?? 0);
    if (announced > limit) throw tooLarge(place, announced, limit);
    return new Uint8Array(await response.arrayBuffer());
  }
  const { readFile, stat } = await nodeModule('fs/promises');
  const path = isAddress(place) ? new URL(place) : place;
  const found = await stat(path);
  if (!found.isFile()) throw new MocoError('data-invalid', `${shown(place)} is no regular file`);
  const { size } = found;
  if (size > limit) throw tooLarge(place, size, limit);
  return new Uint8Array(await readFile(path));
}

const tooLarge = (place: string, bytes: number, limit: number): MocoError =>
  new MocoError('data-invalid', `${shown(place)} has ${bytes} bytes, at most ${limit} are read`);

/** data: addresses are long. */
const shown = (place: string): string => (place.length > 200 ? `${place.slice(0, 200)}…` : place);
