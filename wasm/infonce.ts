/**
 * InfoNCE, MoCo eq. (1): L = −log [ exp(q·k/τ) / (exp(q·k/τ) + Σⱼ exp(q·nⱼ/τ)) ], loss, gradient and rank of the positive
 * in one pass over the queue; logits live in a tile of [32][4] and never as N×(1+K).
 *
 * Everything is relative to the positive: aⱼ = (q·nⱼ − q·k)/τ, the positive's own a is 0. With m = max(0, maxⱼ aⱼ) and
 * S = Σⱼ exp(aⱼ − m):  loss = m + ln(exp(−m) + S),  ∂loss/∂q = (Σⱼ exp(aⱼ − m)·nⱼ − S·k) / (τ·(exp(−m) + S)).
 * m, S and the weighted sum of negatives are carried along the queue and rescaled when m grows (online softmax).
 * Writing 1 − p(positive) as S/(exp(−m) + S) keeps the gradient accurate where p(positive) is near 1.
 *
 * Floor: 4·N·K·C flop, half of them for the logits and half for the gradient (bench/kernels.mjs has the gap).
 */

import { beginFour, lossOf, negativesOf, positiveWeightOf, rankOf, STATE, softmaxTile } from './softmax';
import { addWeighted, dotTile, pack, packedSize, paddedColumns, padTile, TILE } from './vector';

/** Queries that share one pass over the queue: with their gradient they fill 256 KiB at C = 128, inside the second-level
 * cache. */
const QUERIES: i32 = 256;

/**
 * query, key [n, c], queue [queueSize, c] (unit rows) → loss [n], dQuery [n, c] (times gradientScale), rank [n].
 * A query's results depend on no other query, so that calls may take some of them each, from multiples of 4 on.
 * scratch: infonceScratch(n, c) bytes, whatever they are.
 */
export function infonce(
  query: usize,
  key: usize,
  queue: usize,
  n: i32,
  c: i32,
  queueSize: i32,
  temperature: f64,
  gradientScale: f64,
  loss: usize,
  dQuery: usize,
  rank: usize,
  scratch: usize,
): void {
  const packedBytes = packedSize(min(n, QUERIES), c);
  const tileBytes = <usize>paddedColumns(c) * TILE * 4;
  const tile = scratch + 3 * packedBytes;
  for (let first = 0; first < n; first += QUERIES) {
    const rows = min(n - first, QUERIES);
    const offset = (<usize>first * <usize>c) << 2;
    const q = scratch;
    const k = q + packedBytes;
    const sum = k + packedBytes;
    const state = tile + tileBytes + TILE * 16;
    memory.fill(scratch, 0, 3 * packedBytes);
    pack(query + offset, rows, c, q);
    pack(key + offset, rows, c, k);
    overQueue(q, k, sum, rows, c, queue, queueSize, <f32>(1 / temperature), tile, state);
    finish(
      k,
      sum,
      state,
      rows,
      c,
      gradientScale / temperature,
      loss + ((<usize>first) << 2),
      dQuery + offset,
      rank + ((<usize>first) << 2),
    );
  }
}

/** Bytes of scratch for n queries of c columns. */
export function infonceScratch(n: i32, c: i32): usize {
  const rows = min(n, QUERIES);
  const states = <usize>((rows + 3) >> 2) * STATE;
  return 3 * packedSize(rows, c) + <usize>paddedColumns(c) * TILE * 4 + TILE * 16 + states;
}

function overQueue(
  q: usize,
  k: usize,
  sum: usize,
  rows: i32,
  c: i32,
  queue: usize,
  queueSize: i32,
  inverseTemperature: f32,
  scratchTile: usize,
  state: usize,
): void {
  const padded = paddedColumns(c);
  const packedStride = (<usize>padded) << 4;
  const similarities = scratchTile + <usize>padded * TILE * 4;
  for (let b = 0; b < rows; b += 4) {
    const at = <usize>(b >> 2);
    beginFour(state + at * STATE, q + at * packedStride, k + at * packedStride, padded, rows - b);
  }
  for (let first = 0; first < queueSize; first += TILE) {
    const valid = min(queueSize - first, TILE);
    let tile = queue + ((<usize>first * <usize>c) << 2);
    if (valid < TILE || c != padded) {
      padTile(tile, valid, c, scratchTile);
      tile = scratchTile;
    }
    for (let b = 0; b < rows; b += 4) {
      const at = <usize>(b >> 2);
      const queries = q + at * packedStride;
      dotTile(queries, tile, padded, similarities);
      const keys = k + at * packedStride;
      const own = state + at * STATE;
      const factor = softmaxTile(queries, keys, tile, padded, valid, inverseTemperature, similarities, own);
      if (v128.any_true(f32x4.ne(factor, f32x4.splat(1)))) rescale(sum + at * packedStride, padded, factor);
      addWeighted(similarities, tile, padded, sum + at * packedStride);
    }
  }
}

function rescale(sum: usize, padded: i32, factor: v128): void {
  const f0 = v128.shuffle<f32>(factor, factor, 0, 0, 0, 0);
  const f1 = v128.shuffle<f32>(factor, factor, 1, 1, 1, 1);
  const f2 = v128.shuffle<f32>(factor, factor, 2, 2, 2, 2);
  const f3 = v128.shuffle<f32>(factor, factor, 3, 3, 3, 3);
  for (let c = 0; c < padded; c += 4) {
    v128.store(sum, f32x4.mul(v128.load(sum), f0));
    v128.store(sum, f32x4.mul(v128.load(sum, 16), f1), 16);
    v128.store(sum, f32x4.mul(v128.load(sum, 32), f2), 32);
    v128.store(sum, f32x4.mul(v128.load(sum, 48), f3), 48);
    sum += 64;
  }
}

function finish(
  k: usize,
  sum: usize,
  state: usize,
  rows: i32,
  c: i32,
  scale: f64,
  loss: usize,
  dQuery: usize,
  rank: usize,
): void {
  const packedStride = (<usize>paddedColumns(c)) << 4;
  for (let r = 0; r < rows; r++) {
    const lane = r & 3;
    const own = state + <usize>(r >> 2) * STATE;
    const negatives = negativesOf(own, lane);
    store<f32>(loss + ((<usize>r) << 2), <f32>lossOf(own, lane));
    store<f32>(rank + ((<usize>r) << 2), rankOf(own, lane));
    const coefficient = scale / (positiveWeightOf(own, lane) + negatives);
    const offset = <usize>(r >> 2) * packedStride + ((<usize>lane) << 4);
    for (let i = 0; i < c; i++) {
      const at = offset + ((<usize>(i >> 2)) << 6) + ((<usize>(i & 3)) << 2);
      const gradient = (<f64>load<f32>(sum + at) - negatives * <f64>load<f32>(k + at)) * coefficient;
      store<f32>(dQuery, <f32>gradient);
      dQuery += 4;
    }
  }
}
