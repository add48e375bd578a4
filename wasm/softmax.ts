/**
 * −log softmax of a positive among it and its negatives, tile by tile (online softmax): what InfoNCE and NT-Xent share.
 *
 * Everything is relative to the positive: aⱼ = (q·nⱼ − q·k)/τ, the positive's own a is 0. With m = max(0, maxⱼ aⱼ) and
 * S = Σⱼ exp(aⱼ − m):  loss = m + ln(exp(−m) + S). m and S are carried along the negatives, and S is rescaled when m grows.
 * Beside them the rank of the positive is counted, exactly (rank.ts).
 */
import { exp, exp4, log, log1p } from './math';
import { decideTile, undecidedWithin } from './rank';
import { dotPairs, promoteHigh, TILE } from './vector';

/** State of four queries: positive similarity [4 f32], m [4 f32], S [4 f64], rank [4 i32]. */
export const STATE: usize = 80;

/** The state of four packed queries and their keys, before any negative. The first `lanes` of them are there. */
export function beginFour(state: usize, q: usize, k: usize, padded: i32, lanes: i32): void {
  memory.fill(state, 0, STATE);
  v128.store(state, dotPairs(q, k, padded));
  // Lanes without a query: a positive so near that no negative weighs or has to be decided.
  for (let lane = lanes; lane < 4; lane++) store<f32>(state + ((<usize>lane) << 2), 1e30);
}

/**
 * Similarities of a tile become weights exp(aⱼ − m); m, S and the rank are brought up to date. Returns what sums of weights
 * before it have to be multiplied with: exactly 1 in lanes whose maximum stays.
 */
export function softmaxTile(
  q: usize,
  k: usize,
  tile: usize,
  padded: i32,
  valid: i32,
  inverseTemperature: f32,
  similarities: usize,
  state: usize,
): v128 {
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
  let factor = f32x4.splat(1);
  if (v128.any_true(f32x4.ne(m, before))) {
    // exp(0) is exactly 1: queries whose maximum stays are not touched by their neighbors' rescaling.
    factor = exp4(f32x4.sub(before, m));
    low = f64x2.mul(low, f64x2.promote_low_f32x4(factor));
    high = f64x2.mul(high, promoteHigh(factor));
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
  return factor;
}

/** exp(−m): what the positive weighs. */
export function positiveWeightOf(state: usize, lane: i32): f64 {
  return <f64>exp(-maximumOf(state, lane));
}

/** S: what all negatives weigh. */
export function negativesOf(state: usize, lane: i32): f64 {
  return load<f64>(state + ((<usize>lane) << 3), 32);
}

export function rankOf(state: usize, lane: i32): f32 {
  return <f32>load<i32>(state + ((<usize>lane) << 2), 64);
}

/** Where the positive has the largest logit, 1 + S is not rounded: a confident sample keeps its tiny loss. */
export function lossOf(state: usize, lane: i32): f64 {
  const m = maximumOf(state, lane);
  const negatives = negativesOf(state, lane);
  return m == 0 ? log1p(negatives) : <f64>m + log(positiveWeightOf(state, lane) + negatives);
}

function maximumOf(state: usize, lane: i32): f32 {
  return load<f32>(state + ((<usize>lane) << 2), 16);
}
