/** Kernels of wasm/ that take each element of arrays by itself: long calls are made in ranges, on several threads. */
import type { DeviceArray } from './device-array.ts';
import type { ExportCall } from './export-call.ts';
import type { WasmCall } from './kernel.ts';

/** Arrays that go together have one place in all lists. */
export interface ElementwiseArrays {
  readonly writes: readonly (readonly DeviceArray[])[];
  readonly reads: readonly (readonly DeviceArray[])[];
  readonly gate?: DeviceArray | undefined;
}

/** Ranges begin at whole cache lines, and at whole vectors of wasm/. */
const UNIT = 16;
/** Several: a thread that begins late, or shares its processor, takes fewer. */
const CALLS_A_THREAD = 4;

/**
 * Makes the calls of `rangeCall` for all elements of all places; gives what they returned.
 * @param rangeCall for `count` elements from `first` on at a place
 */
export function elementwise(
  { threadsFor, share, inOrder }: Pick<WasmCall<unknown>, 'threadsFor' | 'share' | 'inOrder'>,
  arrays: ElementwiseArrays,
  rangeCall: (place: number, first: number, count: number) => ExportCall,
): number[] {
  const lengths = (arrays.writes[0] ?? arrays.reads[0] ?? []).map(({ length }) => length);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const threads = areIndependent(arrays) ? threadsFor(total) : 1;
  if (threads === 1) return inOrder(lengths.map((length, place) => rangeCall(place, 0, length)));
  const most = UNIT * Math.ceil(total / (threads * CALLS_A_THREAD) / UNIT);
  const calls: ExportCall[] = [];
  for (const [place, length] of lengths.entries()) {
    for (let first = 0; first < length; first += most) {
      calls.push(rangeCall(place, first, Math.min(most, length - first)));
    }
  }
  return share(calls);
}

/** Whether the order of places does not matter: what one writes, no other has. Lists may name an array more than once. */
export function areIndependent({ writes, reads, gate }: ElementwiseArrays): boolean {
  const writer = new Map<DeviceArray, number>();
  for (const list of writes) {
    for (const [place, array] of list.entries()) {
      if ((writer.get(array) ?? place) !== place) return false;
      writer.set(array, place);
    }
  }
  if (gate && writer.has(gate)) return false;
  return reads.every((list) => list.every((array, place) => (writer.get(array) ?? place) === place));
}
