/** What a step tells of itself. Sums are in float64, each in order, and rounded once. */

/**
 * summary [5] ← mean of loss [rows]; percent of rank [rows] below 1 and below 5; mean over the columns of query
 * [rows, dim] of their standard deviation (divided by rows); the bits of gate [1]. rows and dim are at least 1.
 */
export function summary(
  loss: usize,
  rank: usize,
  query: usize,
  gate: usize,
  rows: i32,
  dim: i32,
  summary: usize,
): void {
  const count = <f64>rows;
  let lossSum: f64 = 0;
  let best: i32 = 0;
  let best5: i32 = 0;
  for (let n: usize = 0; n < (<usize>rows) << 2; n += 4) {
    lossSum += <f64>load<f32>(loss + n);
    const r = load<f32>(rank + n);
    if (r < 1) best++;
    if (r < 5) best5++;
  }
  let deviations: f64 = 0;
  for (let c: usize = 0; c < (<usize>dim) << 2; c += 4) deviations += deviation(query + c, rows, dim);
  // All is read before anything is written: the summary may lie in an array that is summed up.
  const open = load<u32>(gate);
  store<f32>(summary, <f32>(lossSum / count));
  store<f32>(summary, <f32>((100 * <f64>best) / count), 4);
  store<f32>(summary, <f32>((100 * <f64>best5) / count), 8);
  store<f32>(summary, <f32>(deviations / <f64>dim), 12);
  store<u32>(summary, open, 16);
}

/**
 * Standard deviation of one column. The mean is known before squares are summed: E[x²] − E[x]² would cancel. Sums of equal
 * float32 are exact, so a column of them gives 0.
 */
function deviation(column: usize, rows: i32, dim: i32): f64 {
  const stride = (<usize>dim) << 2;
  const end = column + <usize>rows * stride;
  let sum: f64 = 0;
  for (let x = column; x < end; x += stride) sum += <f64>load<f32>(x);
  const mean = sum / <f64>rows;
  let squares: f64 = 0;
  for (let x = column; x < end; x += stride) {
    const d = <f64>load<f32>(x) - mean;
    squares += d * d;
  }
  return Math.sqrt(squares / <f64>rows);
}
