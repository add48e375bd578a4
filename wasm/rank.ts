/**
 * The rank of the positive is exact: where float32 dot products are too close to tell which of q·n and q·k is larger, the
 * sign of Σ qᵢ·(nᵢ − kᵢ) tells. q·n − q·k is a difference of two rounded numbers, that sum is not: where n ≈ k the
 * subtraction is exact. Here it runs in float64, so that its sign is right whenever the logits differ by more than 1e-15.
 */
import { promoteHigh } from './vector';

/**
 * Two float32 dot products of unit rows differ from their exact values by at most (padded/4 + 2)·2^-24 each: a difference
 * within both bounds (and a little) says nothing about the sign.
 */
export function undecidedWithin(padded: i32): f32 {
  return 2 * (<f32>(padded >> 2) + 4) * <f32>5.9604644775390625e-8;
}

/** For each query, how many negatives of the tile within the margin are nearer to it than its positive. */
export function decideTile(
  q: usize,
  k: usize,
  tile: usize,
  padded: i32,
  valid: i32,
  positive: v128,
  margin: v128,
  similarities: usize,
): v128 {
  let larger = i32x4.splat(0);
  for (let j = 0; j < valid; j++) {
    const difference = f32x4.sub(v128.load(similarities + ((<usize>j) << 4)), positive);
    const close = f32x4.le(f32x4.abs(difference), margin);
    if (v128.any_true(close)) {
      larger = i32x4.add(larger, decide(close, q, k, tile + <usize>j * ((<usize>padded) << 2), padded));
    }
  }
  return larger;
}

/** 1 in each lane of `close` whose negative is nearer to the query than its positive. */
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
  let low = f64x2.splat(0);
  let high = low;
  for (let c = 0; c < padded; c += 4) {
    const a = v128.load(q);
    const n = v128.load(negative);
    const p = v128.load(k);
    const difference = f64x2.sub(f64x2.promote_low_f32x4(n), f64x2.promote_low_f32x4(p));
    low = f64x2.add(low, f64x2.mul(f64x2.promote_low_f32x4(a), difference));
    const other = f64x2.sub(promoteHigh(n), promoteHigh(p));
    high = f64x2.add(high, f64x2.mul(promoteHigh(a), other));
    negative += 16;
    q += 64;
    k += 64;
  }
  const sum = f64x2.add(low, high);
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1) > 0 ? 1 : 0;
}
