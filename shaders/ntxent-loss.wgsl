// NT-Xent, second stage: m, S and rank of the splits of a row, put together in their order, and what the gradient needs of it.
//
//     m = max mₛ;  S = Σₛ exp(mₛ − m)·Sₛ;  L = m + ln(exp(−m) + S);  rank = Σₛ rankₛ
//     lse = zᵢ·z₊/τ + L: the logarithm of Σ_{j ≠ i} exp(zᵢ·zⱼ/τ);   miss = S/(exp(−m) + S) = 1 − p(positive)
//
// Bindings: state [2N, splits]; written: loss [2N] (as bits: a row with a logit that is not finite gets NaN whatever WGSL assumes),
// rank [2N], lse [2N], miss [2N]. One invocation a row. softmax-loss.wgsl is joined to it.
// Bytes: 2N·(32·splits + 16). Operations: about 2N·(10·splits + 40).

struct Params {
  rows: u32,
  splits: u32,
  inverse_temperature: f32,
}

struct SplitState {
  m: f32,
  sum: f32,
  larger: u32,
  positive: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> state: array<SplitState>;
@group(0) @binding(2) var<storage, read_write> loss: array<u32>;
@group(0) @binding(3) var<storage, read_write> rank: array<f32>;
@group(0) @binding(4) var<storage, read_write> lse: array<f32>;
@group(0) @binding(5) var<storage, read_write> miss: array<f32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;
const NAN = 0x7fc00000u;
const BAD = 0x80000000u;

fn put_row(row: u32) {
  let states = row * params.splits;
  var m = 0.0;
  for (var s = 0u; s < params.splits; s++) {
    m = max(m, state[states + s].m);
  }
  var sum = 0.0;
  var larger = 0u;
  var bad = 0u;
  for (var s = 0u; s < params.splits; s++) {
    let own = state[states + s];
    sum += select(exp(own.m - m), 1.0, own.m == m) * own.sum;
    larger += own.larger & ~BAD;
    bad |= own.larger & BAD;
  }
  let value = softmax_loss(m, sum);
  loss[row] = select(bitcast<u32>(value), NAN, bad != 0u);
  rank[row] = f32(larger);
  lse[row] = state[states].positive * params.inverse_temperature + value;
  miss[row] = sum / softmax_total(m, sum);
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let row = first + WIDTH * step;
    if (row < params.rows) {
      put_row(row);
    }
  }
}
