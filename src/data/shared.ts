/** What a spec says of each image, once in memory for all workers, wherever memory can be shared; else they get copies. */
import { canShareMemory } from '../runtime/shared-memory.ts';

/** Many strings, such as a million paths, in arrays that can be posted. */
export interface PackedStrings {
  /** All of them one after the other, in UTF-8. */
  readonly bytes: Uint8Array;
  /** Where in `bytes` each ends. */
  readonly ends: Uint32Array;
}

/** Strings that are packed at a time. */
const CHUNK = 4096;

/** Must not be changed, here or where they are posted to: readers do not wait for each other. */
export function packStrings(strings: readonly string[]): PackedStrings {
  const encoder = new TextEncoder();
  const ends = new Uint32Array(memory(4 * strings.length));
  const parts: Uint8Array[] = [];
  let end = 0;
  for (let first = 0; first < strings.length; first += CHUNK) {
    const chunk = strings.slice(first, first + CHUNK);
    const text = chunk.join('');
    const together = encoder.encode(text);
    // A byte a character, as in most names: four times as fast as one by one.
    const plain = together.length === text.length;
    const encoded = plain ? [together] : chunk.map((one) => encoder.encode(one));
    parts.push(...encoded);
    const sizes: readonly { readonly length: number }[] = plain ? chunk : encoded;
    for (const [i, { length }] of sizes.entries()) {
      end += length;
      ends[first + i] = end;
    }
  }
  const bytes = new Uint8Array(memory(end));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return { bytes, ends };
}

/** A mark of byte order is a character like others. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** String i, or undefined where there is none. */
export function stringAt({ bytes, ends }: PackedStrings, i: number): string | undefined {
  const end = ends[i];
  // A copy: browsers do not decode shared memory.
  return end === undefined ? undefined : decoder.decode(bytes.slice(ends[i - 1] ?? 0, end));
}

/** Whole numbers, of 32 bits with sign. */
export function packIntegers(values: ArrayLike<number>): Int32Array {
  const packed = new Int32Array(memory(4 * values.length));
  packed.set(values);
  return packed;
}

/** A copy. */
export function packBytes(bytes: Uint8Array): Uint8Array {
  const packed = new Uint8Array(memory(bytes.length));
  packed.set(bytes);
  return packed;
}

function memory(bytes: number): ArrayBufferLike {
  return canShareMemory() ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}
