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

import { exp, exp4, log, log1p } from './math';
import { allocate, free } from './memory';
import { addWeighted, dotPairs, dotTile, pack, paddedColumns, padTile, TILE } from './vector';

/** Queries that share one pass over the queue: with their gradient they fill 256 KiB at C = 128, inside the second-level
 * cache. */
const QUERIES: i32 = 256;

/** State of four queries: positive similarity [4 f32], m [4 f32], S [4 f64], rank [4 i32]. */
const STATE: usize = 80;

/**
 * query, key [n, c], queue [queueSize, c] (unit rows) → loss [n], dQuery [n, c] (times gradientScale), rank [n].
 * Returns 0 where there was no memory for scratch (nothing is written then), else 1.
 */
export function infoNce(
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
): i32 {
  const block = min(n, QUERIES);
  const blocks = <usize>((block + 3) >> 2);
  const packedBytes = blocks * ((<usize>paddedColumns(c)) << 4);
  const tileBytes = <usize>paddedColumns(c) * TILE * 4;
  const scratch = allocate(3 * packedBytes + tileBytes + TILE * 16 + blocks * STATE);
  if (scratch == 0) return 0;
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
  free(scratch);
  return 1;
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
    memory.fill(state + at * STATE, 0, STATE);
    v128.store(state + at * STATE, dotPairs(q + at * packedStride, k + at * packedStride, padded));
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
      softmaxTile(
        queries,
        k + at * packedStride,
        sum + at * packedStride,
        tile,
        padded,
        valid,
        inverseTemperature,
        similarities,
        state + at * STATE,
      );
      addWeighted(similarities, tile, padded, sum + at * packedStride);
    }
  }
}

/** Similarities of a tile become weights exp(aⱼ − m); m, S, the rank and the weighted sum so far are brought up to date. */
function softmaxTile(
  q: usize,
  k: usize,
  sum: usize,
  tile: usize,
  padded: i32,
  valid: i32,
  inverseTemperature: f32,
  similarities: usize,
  state: usize,
): void {
  const positive = v128.load(state);
  const scale = f32x4.splat(inverseTemperature);
  // Two dot products of unit vectors differ from their exact values by at most (padded/4 + 2)·2^-24 each: a difference
  // within both bounds (and a little) says nothing about the sign.
  const margin = f32x4.splat(2 * (<f32>(padded >> 2) + 4) * <f32>5.9604644775390625e-8);
  const before = v128.load(state, 16);
  let m = before;
  let larger = v128.load(state, 64);
  for (let j = 0; j < valid; j++) {
    const at = similarities + ((<usize>j) << 4);
    const difference = f32x4.sub(v128.load(at), positive);
    larger = i32x4.sub(larger, f32x4.gt(difference, margin));
    const close = f32x4.le(f32x4.abs(difference), margin);
    if (v128.any_true(close)) {
      larger = i32x4.add(larger, decide(close, q, k, tile + <usize>j * ((<usize>padded) << 2), padded));
    }
    const a = f32x4.mul(difference, scale);
    m = f32x4.max(m, a);
    v128.store(at, a);
  }
  v128.store(state, larger, 64);
  let low = v128.load(state, 32);
  let high = v128.load(state, 48);
  if (v128.any_true(f32x4.ne(m, before))) {
    // exp(0) is exactly 1: queries whose maximum stays are not touched by their neighbours' rescaling.
    const factor = exp4(f32x4.sub(before, m));
    low = f64x2.mul(low, f64x2.promote_low_f32x4(factor));
    high = f64x2.mul(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(factor, factor, 2, 3, 2, 3)));
    rescale(sum, padded, factor);
    v128.store(state, m, 16);
  }
  let total = f32x4.splat(0);
  for (let j = 0; j < valid; j++) {
    const at = similarities + ((<usize>j) << 4);
    const weight = exp4(f32x4.sub(v128.load(at), m));
    total = f32x4.add(total, weight);
    v128.store(at, weight);
  }
  for (let j = valid; j < TILE; j++) v128.store(similarities + ((<usize>j) << 4), f32x4.splat(0));
  // Thousands of tiles are added up: in float64, their number costs no accuracy.
  v128.store(state, f64x2.add(low, f64x2.promote_low_f32x4(total)), 32);
  v128.store(
    state,
    f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<f32>(total, total, 2, 3, 2, 3))),
    48,
  );
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

/**
 * 1 in each lane of `close` whose negative is nearer to the query than its positive. q·n − q·k is a difference of two
 * rounded numbers; Σ qᵢ·(nᵢ − kᵢ) is not: where n ≈ k the subtraction is exact. Summed in float64, equal logits give 0.
 */
function decide(close: v128, q: usize, k: usize, negative: usize, padded: i32): v128 {
  const mask = i32x4.bitmask(close);
  let result = i32x4.splat(0);
  if (mask & 1) result = i32x4.replace_lane(result, 0, isLarger(q, k, negative, padded));
  if (mask & 2) result = i32x4.replace_lane(result, 1, isLarger(q + 16, k + 16, negative, padded));
  if (mask & 4) result = i32x4.replace_lane(result, 2, isLarger(q + 32, k + 32, negative, padded));
  if (mask & 8) result = i32x4.replace_lane(result, 3, isLarger(q + 48, k + 48, negative, padded));
  return result;
}

function isLarger(q: usize, k: usize, negative: usize, padded: i32): i32 {
  let sum = f64x2.splat(0);
  for (let c = 0; c < padded; c += 2) {
    const difference = f64x2.sub(
      f64x2.promote_low_f32x4(v128.load64_zero(negative)),
      f64x2.promote_low_f32x4(v128.load64_zero(k)),
    );
    sum = f64x2.add(sum, f64x2.mul(f64x2.promote_low_f32x4(v128.load64_zero(q)), difference));
    negative += 8;
    // Packed rows: two columns, then the next two, then over the other three rows.
    const step: usize = (c & 2) == 0 ? 8 : 56;
    q += step;
    k += step;
  }
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1) > 0 ? 1 : 0;
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
    const lane = <usize>(r & 3);
    const own = state + <usize>(r >> 2) * STATE + (lane << 2);
    const m = load<f32>(own, 16);
    const negatives = load<f64>(state + <usize>(r >> 2) * STATE + (lane << 3), 32);
    const positive = <f64>exp(-m);
    const value = m == 0 ? log1p(negatives) : <f64>m + log(positive + negatives);
    // What was not a number stays one: the finite gate looks at the loss.
    store<f32>(loss + ((<usize>r) << 2), <f32>(m - m == 0 ? value : <f64>NaN));
    store<f32>(rank + ((<usize>r) << 2), <f32>load<i32>(own, 64));
    const coefficient = scale / (positive + negatives);
    const offset = <usize>(r >> 2) * packedStride + (lane << 4);
    for (let i = 0; i < c; i++) {
      const at = offset + ((<usize>(i >> 2)) << 6) + ((<usize>(i & 3)) << 2);
      const gradient = (<f64>load<f32>(sum + at) - negatives * <f64>load<f32>(k + at)) * coefficient;
      store<f32>(dQuery, <f32>gradient);
      dQuery += 4;
    }
  }
}
