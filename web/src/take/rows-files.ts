/** Rows of numbers as files that others read. */
import { csvField } from '../look/pairs-csv.ts';

/** NumPy's format 1.0, float32 [rows, dim]: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
export function npyParts(rows: readonly Float32Array[]): BlobPart[] {
  const shape = `(${rows.length}, ${rows[0]?.length ?? 0})`;
  const header = `{'descr': '<f4', 'fortran_order': False, 'shape': ${shape}, }`;
  // All before the numbers is a multiple of 64 bytes, and ends a line.
  const length = Math.ceil((10 + header.length + 1) / 64) * 64 - 10;
  const start = new Uint8Array(10 + length).fill(0x20);
  start.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, length & 255, length >> 8]);
  start.set(new TextEncoder().encode(header), 10);
  start[start.length - 1] = 0x0a;
  return [start, ...rows.map((row) => new Float32Array(row))];
}

/** Written between two frames, so that the page's thread is never long with it. */
const ROWS_AT_ONCE = 16;

/** A line a photo: its name, its folder, its numbers. */
export async function csvParts(
  rows: readonly Float32Array[],
  names: readonly string[],
  folderOf: (row: number) => string | null,
): Promise<BlobPart[]> {
  const numbers = Array.from(rows[0] ?? [], (_, i) => `x${i}`);
  const parts: string[] = [`${['name', 'folder', ...numbers].join()}\r\n`];
  for (let first = 0; first < rows.length; first += ROWS_AT_ONCE) {
    const lines = rows
      .slice(first, first + ROWS_AT_ONCE)
      .map((row, i) => [csvField(names[first + i]!), csvField(folderOf(first + i) ?? ''), ...row].join());
    parts.push(`${lines.join('\r\n')}\r\n`);
    await new Promise((resolve) => setTimeout(resolve));
  }
  return parts;
}
