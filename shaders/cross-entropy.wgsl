// Cross-entropy of classification: −log softmax of the label's logit among all classes, its rank, and its gradient p − one-hot.
// With the largest logit taken off, wⱼ = exp(xⱼ − max), and S the sum of the weights of all classes but the label's:
//
//     loss = (max − x_label) + ln(w_label + S);   dx_j = scale·wⱼ/(w_label + S);   dx_label = −scale·S/(w_label + S)
//
// 1 − p(label) as S/(w_label + S), and ln(1 + S) where the label's logit is the largest, keep the digits of a confident sample.
//
// Bindings: logits [n, classes], labels [n]; written: loss [n] (as bits: a row with a logit that is not finite gets NaN whatever
// WGSL assumes), rank [n], d_logits [n, classes].
// Bytes: 8·n·classes beside what caches hold (logits are read four times). Operations: about 60·n·classes.
// One workgroup a row. reduce.wgsl and softmax-loss.wgsl are joined to it.

struct Params {
  rows: u32,
  classes: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> logits: array<f32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> loss: array<u32>;
@group(0) @binding(4) var<storage, read_write> rank: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_logits: array<f32>;

// Sums have 64 lanes whatever the workgroup size, so that bits do not depend on it: lane l has classes l, l + 64, …
const LANES = 64u;
override WIDTH: u32 = 64u;
const NAN = 0x7fc00000u;
const SIGN = 0x80000000u;
var<workgroup> sums: array<f32, LANES>;

// Whole numbers in the order of float32, denormals included; −0 is 0.
fn key_of(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if ((bits & ~SIGN) == 0u) {
    return SIGN;
  }
  return select(bits | SIGN, ~bits, (bits & SIGN) != 0u);
}

fn value_of(key: u32) -> f32 {
  return bitcast<f32>(select(~key, key & ~SIGN, (key & SIGN) != 0u));
}

// exp(x − most); WGSL's exp(0) need not be 1.
fn weight_of(x: f32, most: f32) -> f32 {
  return select(exp(x - most), 1.0, x == most);
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup.y * workgroups.x + workgroup.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.classes;
  let label = labels[row];
  let own = key_of(logits[start + label]);
  var largest = 0u;
  var exponent = 0u;
  var larger = 0u;
  for (var c = lane; c < params.classes; c += WIDTH) {
    let key = key_of(logits[start + c]);
    largest = max(largest, key);
    exponent = max(exponent, (bitcast<u32>(logits[start + c]) & ~SIGN) >> 23u);
    larger += select(0u, 1u, key > own);
  }
  let most = value_of(largest_of_all(largest, lane));
  let bad = largest_of_all(exponent, lane) == 255u;
  larger = sum_of_all(larger, lane);

  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = 0.0;
    for (var c = l; c < params.classes; c += LANES) {
      sum += select(weight_of(logits[start + c], most), 0.0, c == label);
    }
    sums[l] = sum;
  }
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    for (var l = lane; l < half; l += WIDTH) {
      sums[l] += sums[l + half];
    }
    workgroupBarrier();
  }
  let sum = sums[0];
  let m = most - value_of(own);
  let total = softmax_total(m, sum);
  if (lane == 0u) {
    loss[row] = select(bitcast<u32>(softmax_loss(m, sum)), NAN, bad);
    rank[row] = f32(larger);
  }
  for (var c = lane; c < params.classes; c += WIDTH) {
    let weight = select(weight_of(logits[start + c], most), -sum, c == label);
    d_logits[start + c] = params.scale * (weight / total);
  }
}
