/** The dictionary as a queue (He et al., 3.2): the newest keys replace the oldest. */

/**
 * Row i of keys [rows, dim] goes to row (pointer + i) mod queueSize; of more rows than the queue holds only the last ones
 * are left, as sequential writes would leave them. Nothing is written while gate[0] is 0. 0 ≤ pointer < queueSize.
 */
export function enqueue(
  queue: usize,
  keys: usize,
  pointer: i32,
  queueSize: i32,
  rows: i32,
  dim: i32,
  gate: usize,
): void {
  if (load<f32>(gate) == 0 || queueSize == 0) return;
  const width = (<usize>dim) << 2;
  const skipped = max(rows - queueSize, 0);
  const kept = rows - skipped;
  const start = <i32>((<i64>pointer + skipped) % queueSize);
  const source = keys + <usize>skipped * width;
  const untilEnd = min(kept, queueSize - start);
  memory.copy(queue + <usize>start * width, source, <usize>untilEnd * width);
  memory.copy(queue, source + <usize>untilEnd * width, <usize>(kept - untilEnd) * width);
}
