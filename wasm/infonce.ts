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
import { decideTile, undecidedWithin } from './rank';
import { addWeighted, dotPairs, dotTile, pack, paddedColumns, padTile, promoteHigh, TILE } from './vector';

/** Queries that share one pass over the queue: with their gradient they fill 256 KiB at C = 128, inside the second-level
 * cache. */
const QUERIES: i32 = 256;

/** State of four queries: positive similarity [4 f32], m [4 f32], S [4 f64], rank [4 i32]. */
const STATE: usize = 80;

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
  const packedBytes = packedSize(n, c);
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
  return 3 * packedSize(n, c) + <usize>paddedColumns(c) * TILE * 4 + TILE * 16 + blocksOf(n) * STATE;
}

/** Fours of queries in one pass. */
function blocksOf(n: i32): usize {
  return <usize>((min(n, QUERIES) + 3) >> 2);
}

function packedSize(n: i32, c: i32): usize {
  return blocksOf(n) * ((<usize>paddedColumns(c)) << 4);
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
    const positives = dotPairs(q + at * packedStride, k + at * packedStride, padded);
    v128.store(state + at * STATE, positives);
    // Lanes without a query: a positive so near that nothing in the queue weighs or has to be decided.
    for (let lane = rows - b; lane < 4; lane++) store<f32>(state + at * STATE + ((<usize>lane) << 2), 1e30);
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
  const margin = f32x4.splat(undecidedWithin(padded));
  let larger = v128.load(state, 64);
  let undecided = f32x4.splat(0);
  let largest = f32x4.splat(0);
  let smallest = f32x4.splat(0);
  for (let j = 0; j < valid; j++) {
    const difference = f32x4.sub(v128.load(similarities + ((<usize>j) << 4)), positive);
    larger = i32x4.sub(larger, f32x4.gt(difference, margin));
    undecided = v128.or(undecided, f32x4.le(f32x4.abs(difference), margin));
    // Not `max`: it takes more instructions only to keep a NaN, which the sum of weights keeps anyway.
    largest = f32x4.pmax(largest, difference);
    smallest = f32x4.pmin(smallest, difference);
  }
  if (v128.any_true(undecided)) {
    larger = i32x4.add(larger, decideTile(q, k, tile, padded, valid, positive, margin, similarities));
  }
  v128.store(state, larger, 64);
  const before = v128.load(state, 16);
  const m = f32x4.pmax(before, f32x4.mul(largest, scale));
  let low = v128.load(state, 32);
  let high = v128.load(state, 48);
  if (v128.any_true(f32x4.ne(m, before))) {
    // exp(0) is exactly 1: queries whose maximum stays are not touched by their neighbors' rescaling.
    const factor = exp4(f32x4.sub(before, m));
    low = f64x2.mul(low, f64x2.promote_low_f32x4(factor));
    high = f64x2.mul(high, promoteHigh(factor));
    rescale(sum, padded, factor);
    v128.store(state, m, 16);
  }
  let total = f32x4.splat(0);
  for (let j = 0; j < valid; j++) {
    const at = similarities + ((<usize>j) << 4);
    const a = f32x4.mul(f32x4.sub(v128.load(at), positive), scale);
    const weight = exp4(f32x4.sub(a, m));
    total = f32x4.add(total, weight);
    v128.store(at, weight);
  }
  // A logit of −∞ weighs nothing, but it comes of a row that is not finite: NaN, so that the gate closes. Else it adds 0.
  smallest = f32x4.mul(smallest, scale);
  total = f32x4.add(total, f32x4.sub(smallest, smallest));
  for (let j = valid; j < TILE; j++) v128.store(similarities + ((<usize>j) << 4), f32x4.splat(0));
  // Thousands of tiles are added up: in float64, their number costs no accuracy.
  v128.store(state, f64x2.add(low, f64x2.promote_low_f32x4(total)), 32);
  v128.store(state, f64x2.add(high, promoteHigh(total)), 48);
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
    const lane = <usize>(r & 3);
    const own = state + <usize>(r >> 2) * STATE + (lane << 2);
    const m = load<f32>(own, 16);
    const negatives = load<f64>(state + <usize>(r >> 2) * STATE + (lane << 3), 32);
    const positive = <f64>exp(-m);
    const value = m == 0 ? log1p(negatives) : <f64>m + log(positive + negatives);
    store<f32>(loss + ((<usize>r) << 2), <f32>value);
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
