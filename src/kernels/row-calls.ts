/**
 * How a kernel of wasm/ that does much for each row is cut into calls: in rows, from multiples of 4 on. Two calls a thread, so that
 * one that is late takes fewer; but not for less than 16 rows each, as a call may read all that its rows are compared with.
 */
export function rowsOfCall(rows: number, threads: number): number {
  if (threads === 1) return rows;
  const calls = rows < 32 * threads ? threads : 2 * threads;
  return 4 * Math.ceil(rows / calls / 4);
}

/** The first rows of such calls. */
export function firstsOf(rows: number, most: number): number[] {
  return Array.from({ length: rows === 0 ? 0 : Math.ceil(rows / most) }, (_, part) => part * most);
}
