/**
 * −log softmax of the label's logit among all classes, its rank, and its gradient p − one-hot. With the largest logit taken off,
 * wⱼ = exp(xⱼ − max), and S the sum of the weights of all classes but the label's:
 *
 *     loss = (max − x_label) + ln(w_label + S),   dx_j = scale·wⱼ/(w_label + S),   dx_label = −scale·S/(w_label + S)
 *
 * 1 − p(label) as S/(w_label + S), and ln(1 + S) where the label's logit is the largest, keep the digits of a confident sample.
 * Floor: the exponentials, about 30 instructions for 4 logits, beside 4 transfers of each.
 */
import { exp, exp4, log, log1p } from './math';
import { promoteHigh } from './vector';

/** logits [n, classes], labels [n] u32 → loss [n], rank [n], dLogits [n, classes] (which may be logits). */
export function crossEntropy(
  logits: usize,
  labels: usize,
  n: i32,
  classes: i32,
  gradientScale: f64,
  loss: usize,
  rank: usize,
  dLogits: usize,
): void {
  const row = (<usize>classes) << 2;
  for (let r = 0; r < n; r++) {
    const label = (<usize>load<u32>(labels)) << 2;
    const own = load<f32>(logits + label);
    const largest = largestOf(logits, row, own);
    // A logit of −∞ weighs nothing, but it is not finite: NaN, so that the gate closes. Else it adds 0.
    const smallest = smallestOf(logits, row);
    store<f32>(rank, <f32>countLarger(logits, row, own));
    // Before and behind the label: taken from a sum of all, its weight would take the digits of the others along.
    const behind = label + 4;
    const negatives =
      weigh(logits, dLogits, label, largest) +
      weigh(logits + behind, dLogits + behind, row - behind, largest) +
      <f64>(smallest - smallest);
    const m = <f64>largest - <f64>own;
    const total = <f64>exp(own - largest) + negatives;
    store<f32>(loss, <f32>(m == 0 ? log1p(negatives) : m + log(total)));
    scale(dLogits, row, <f32>(gradientScale / total));
    store<f32>(dLogits + label, <f32>(-gradientScale * (negatives / total)));
    logits += row;
    dLogits += row;
    labels += 4;
    loss += 4;
    rank += 4;
  }
}

/** The four values at x, of which those from byte `end` on are `fill`. */
function four(x: usize, i: usize, end: usize, fill: f32): v128 {
  if (i + 16 <= end) return v128.load(x + i);
  let values = f32x4.splat(fill);
  values = f32x4.replace_lane(values, 0, load<f32>(x + i));
  if (i + 4 < end) values = f32x4.replace_lane(values, 1, load<f32>(x + i + 4));
  if (i + 8 < end) values = f32x4.replace_lane(values, 2, load<f32>(x + i + 8));
  return values;
}

/** Not `max`: it takes more instructions only to keep a NaN, which the sum of weights keeps anyway. */
function largestOf(x: usize, bytes: usize, own: f32): f32 {
  let lanes = f32x4.splat(own);
  for (let i: usize = 0; i < bytes; i += 16) lanes = f32x4.pmax(lanes, four(x, i, bytes, own));
  const first = max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1));
  return max(first, max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)));
}

/** At most 0. */
function smallestOf(x: usize, bytes: usize): f32 {
  let lanes = f32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) lanes = f32x4.pmin(lanes, four(x, i, bytes, 0));
  const first = min(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1));
  return min(first, min(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)));
}

function countLarger(x: usize, bytes: usize, own: f32): i32 {
  const than = f32x4.splat(own);
  let counts = i32x4.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    counts = i32x4.sub(counts, f32x4.gt(four(x, i, bytes, own), than));
  }
  const low = i32x4.extract_lane(counts, 0) + i32x4.extract_lane(counts, 1);
  return low + i32x4.extract_lane(counts, 2) + i32x4.extract_lane(counts, 3);
}

/** Weights exp(x − largest) of some logits go into y; returns their sum. */
function weigh(x: usize, y: usize, bytes: usize, largest: f32): f64 {
  const most = f32x4.splat(largest);
  let sum = f64x2.splat(0);
  for (let i: usize = 0; i < bytes; i += 16) {
    // Beyond the end a weight is exp(−∞) = 0.
    const weights = exp4(f32x4.sub(four(x, i, bytes, -Infinity), most));
    sum = f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(weights), promoteHigh(weights)));
    put(y, i, bytes, weights);
  }
  return f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
}

function scale(y: usize, bytes: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += 16) put(y, i, bytes, f32x4.mul(four(y, i, bytes, 0), factors));
}

function put(y: usize, i: usize, end: usize, values: v128): void {
  if (i + 16 <= end) {
    v128.store(y + i, values);
    return;
  }
  store<f32>(y + i, f32x4.extract_lane(values, 0));
  if (i + 4 < end) store<f32>(y + i + 4, f32x4.extract_lane(values, 1));
  if (i + 8 < end) store<f32>(y + i + 8, f32x4.extract_lane(values, 2));
}
