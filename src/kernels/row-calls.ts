/**
 * How a kernel of wasm/ that compares each of its rows with all others is cut into calls: in rows, from multiples of 4 on.
 * Each call reads all others. Two calls a thread, so that one that is late takes fewer; but not for less than 16 rows each.
 */
export function rowsOfCall(rows: number, threads: number): number {
  if (threads === 1) return rows;
  const calls = rows < 32 * threads ? threads : 2 * threads;
  return 4 * Math.ceil(rows / calls / 4);
}
