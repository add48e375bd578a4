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
// Bytes: 4·N·(splits·(C + 4) + 2·C + 2). Operations: 2·N·splits·C. One workgroup a query. reduce.wgsl and
// softmax-loss.wgsl are joined to it.

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
  let total = softmax_total(m, sum);
  let row = params.first_row + local;
  if (lane == 0u) {
    loss[row] = select(bitcast<u32>(softmax_loss(m, sum)), NAN, bad != 0u);
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
