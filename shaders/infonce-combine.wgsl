// InfoNCE, MoCo eq. (1), second stage: m, S, V and rank of the splits of the queue, put together in their order.
//
//     m = max mₛ;  S = Σₛ exp(mₛ − m)·Sₛ;  V = Σₛ exp(mₛ − m)·Vₛ
//     loss = m + ln(exp(−m) + S);   dq = scale·(V − S·k) / (τ·(exp(−m) + S));   rank = Σₛ rankₛ
//
// 1 − p(positive) as S/(exp(−m) + S) keeps the gradient accurate where p(positive) is near 1; where m = 0 the loss is
// ln(1 + S) without rounding 1 + S, so that a confident sample keeps its tiny loss.
//
// Bindings: state [N, splits], weighted [N, splits, C], key [N, C]; written: loss [N] (as bits: a sample with a logit that
// is not finite gets NaN whatever WGSL assumes), dq [N, C], rank [N].
// Bytes: 4·N·(splits·(C + 4) + 2·C + 2). Operations: 2·N·splits·C. One workgroup a query. reduce.wgsl is joined
// to it.

struct Params {
  // Queries of this dispatch, and the first of them.
  count: u32,
  dim: u32,
  splits: u32,
  first_row: u32,
  // gradientScale/τ.
  scale: f32,
}

struct SplitState {
  m: f32,
  sum: f32,
  larger: u32,
  bad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<SplitState>;
@group(0) @binding(2) var<storage, read> weighted: array<f32>;
@group(0) @binding(3) var<storage, read> key: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<u32>;
@group(0) @binding(5) var<storage, read_write> d_query: array<f32>;
@group(0) @binding(6) var<storage, read_write> rank: array<f32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;
const MAX_SPLITS = 128u;
const NAN = 0x7fc00000u;

var<workgroup> factors: array<f32, MAX_SPLITS>;

// 2·artanh(s) = ln((1 + s)/(1 − s)) for |s| ≤ 1/3, by its series to s¹⁷.
fn twice_artanh(s: f32) -> f32 {
  let z = s * s;
  var p = 1.0 / 17.0;
  p = p * z + 1.0 / 15.0;
  p = p * z + 1.0 / 13.0;
  p = p * z + 1.0 / 11.0;
  p = p * z + 1.0 / 9.0;
  p = p * z + 1.0 / 7.0;
  p = p * z + 1.0 / 5.0;
  p = p * z + 1.0 / 3.0;
  return 2.0 * s + 2.0 * s * z * p;
}

// ln x for normal x ≥ 1 (WGSL's own has an absolute error of 2^-21 near 1): x = 2^e·f with f in [√½, √2).
fn natural_log(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  var e = f32(bits >> 23u) - 127.0;
  var f = bitcast<f32>((bits & 0x7fffffu) | 0x3f800000u);
  if (f > 1.41421356) {
    f *= 0.5;
    e += 1.0;
  }
  return e * 0.693147181 + twice_artanh((f - 1.0) / (f + 1.0));
}

// ln(1 + x), x ≥ 0.
fn natural_log1p(x: f32) -> f32 {
  if (x < 1.0) {
    return twice_artanh(x / (2.0 + x));
  }
  return natural_log(1.0 + x);
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let local = workgroup.y * workgroups.x + workgroup.x;
  if (local >= params.count) {
    return;
  }
  let states = local * params.splits;
  // m is not below 0: its bits have its order, once −0 is 0.
  var most = 0u;
  for (var s = lane; s < params.splits; s += WIDTH) {
    most = max(most, bitcast<u32>(state[states + s].m) & 0x7fffffffu);
  }
  let m = bitcast<f32>(largest_of_all(most, lane));
  for (var s = lane; s < params.splits; s += WIDTH) {
    let before = state[states + s].m;
    factors[s] = select(exp(before - m), 1.0, before == m);
  }
  workgroupBarrier();
  var sum = 0.0;
  var larger = 0u;
  var bad = 0u;
  for (var s = 0u; s < params.splits; s++) {
    sum += factors[s] * state[states + s].sum;
    larger += state[states + s].larger;
    bad |= state[states + s].bad;
  }
  let total = select(exp(-m), 1.0, m == 0.0) + sum;
  let row = params.first_row + local;
  if (lane == 0u) {
    var value = 0.0;
    if (m == 0.0) {
      value = natural_log1p(sum);
    } else {
      value = m + natural_log(total);
    }
    loss[row] = select(bitcast<u32>(value), NAN, bad != 0u);
    rank[row] = f32(larger);
  }
  let coefficient = params.scale / total;
  for (var c = lane; c < params.dim; c += WIDTH) {
    var v = 0.0;
    for (var s = 0u; s < params.splits; s++) {
      v += factors[s] * weighted[(states + s) * params.dim + c];
    }
    d_query[row * params.dim + c] = (v - sum * key[row * params.dim + c]) * coefficient;
  }
}
