/** What a spec says of each image, once in memory for all workers, wherever memory can be shared; else they get copies. */
import { canShareMemory } from '../runtime/worker.ts';

/** Many strings, such as a million paths, in arrays that can be posted. */
export interface PackedStrings {
  /** All of them one after the other, in UTF-8. */
  readonly bytes: Uint8Array;
  /** Where in `bytes` each ends. */
  readonly ends: Uint32Array;
}

/** Must not be changed, here or where they are posted to: readers do not wait for each other. */
export function packStrings(strings: readonly string[]): PackedStrings {
  const encoder = new TextEncoder();
  const ends = new Uint32Array(memory(4 * strings.length));
  // An encoder does not write into shared memory.
  let written = new Uint8Array(2 ** 16);
  let length = 0;
  for (const [i, text] of strings.entries()) {
    // A code unit of a string takes at most three bytes.
    if (written.length - length < 3 * text.length) {
      const larger = new Uint8Array(2 * written.length + 3 * text.length);
      larger.set(written.subarray(0, length));
      written = larger;
    }
    length += encoder.encodeInto(text, written.subarray(length)).written;
    ends[i] = length;
  }
  const bytes = new Uint8Array(memory(length));
  bytes.set(written.subarray(0, length));
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

function memory(bytes: number): ArrayBufferLike {
  return canShareMemory() ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}
