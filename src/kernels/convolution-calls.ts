/** How wasm shares out a convolution: chunks of what is packed at a time, the memory that takes, and calls of some images each. */
import { callOf, type ExportCall } from './export-call.ts';
import type { WasmCall } from './kernel.ts';

/** About how many values are packed at a time, of one group: 256 KiB, which stay in a second-level cache. */
const PACKED = 2 ** 16;
/** Filters of a panel (wasm/convolution-tile.ts). */
const PANEL = 8;
/** Bytes of the geometry, and of what is a call's own beside weights, pixels and what is packed. */
const GEOMETRY = 128;
const OWN = 160;

/** Sizes of a group, of the convolution that is computed. */
export interface ChunkedShape {
  readonly batch: number;
  readonly channels: number;
  /** Rows that are shared out, the step from one to the next in what they see, and how many they see each. */
  readonly rows: number;
  readonly step: number;
  readonly seen: number;
  /** Of what is packed. */
  readonly width: number;
}

/** How wasm takes the pixels: whole images at a time, or rows of one. It depends on the shape alone. */
export function packedChunks({ batch, channels, rows: all, step, seen, width }: ChunkedShape) {
  const line = width * channels;
  const image = line * ((all - 1) * step + seen);
  const fitting = Math.floor((PACKED / line - seen) / step) + 1;
  const rows = image <= PACKED ? all : evenly(all, fitting);
  const images = rows < all ? 1 : evenly(batch, PACKED / image);
  const height = (rows - 1) * step + seen;
  return { images, rows, height, width, packed: images * height * line };
}

/** The size of parts that are about equal and at most `most`, which counts as 1 where it is less. */
function evenly(whole: number, most: number): number {
  return Math.ceil(whole / Math.ceil(whole / Math.max(1, Math.floor(most))));
}

/** Bytes that a call takes beside its arrays, on one thread: of so many filters of so many weights, and of a chunk. */
export function scratchOf(filters: number, columns: number, pixels: number, packed: number): number {
  const weights = PANEL * Math.ceil(filters / PANEL) * columns;
  return 16 * Math.ceil((OWN + 4 * weights + 8 * (pixels + 3) + 4 * packed) / 16);
}

export type ConvolutionExport = (
  x: number,
  weight: number,
  y: number,
  geometry: number,
  first: number,
  count: number,
  scratch: number,
) => void;

interface Convolving {
  readonly batch: number;
  readonly products: number;
  /** As wasm/ reads it. */
  readonly geometry: readonly number[];
  /** Of a call's scratch. */
  readonly bytes: number;
  /** What the scratch is called where there is no memory for it. */
  readonly what: string;
}

/** An image depends on no other: calls take some images each. */
export function shareImages(
  called: ConvolutionExport,
  [x, weight, y]: readonly [number, number, number],
  { batch, products, geometry, bytes, what }: Convolving,
  { threadsFor, borrow, share }: Pick<WasmCall<unknown>, 'threadsFor' | 'borrow' | 'share'>,
): void {
  const most = Math.ceil(batch / Math.min(batch, threadsFor(products / 4)));
  const calls = Math.ceil(batch / most);
  borrow(GEOMETRY + calls * bytes, what, (address, memory) => {
    new Int32Array(memory, address, GEOMETRY / 4).set(geometry);
    const own = address + GEOMETRY;
    share(
      Array.from({ length: calls }, (_, part): ExportCall => {
        const first = part * most;
        const count = Math.min(most, batch - first);
        return callOf(called, x, weight, y, address, first, count, own + part * bytes);
      }),
    );
  });
}
