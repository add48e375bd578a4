// Adam with decoupled weight decay as torch.optim.AdamW computes it (Loshchilov, Hutter 2019, arXiv:1711.05101, algorithm 2):
//
//     m ← β₁·m + (1 − β₁)·g;   v ← β₂·v + (1 − β₂)·g²
//     p ← p − (decay·p + rate·m / (√v·root + ε))        nothing is written while gate[0] is 0
//
// with decay = lr·wd, and the corrections of both means for having begun at 0 in rate = lr/(1 − β₁ᵗ), root = 1/√(1 − β₂ᵗ):
// the host computes these in float64. torch multiplies p by 1 − lr·wd, which in float32 is 1 where lr·wd is small.
//
// Bindings: p, m, v [length] (read and written), g [length], gate [1].
// Bytes: 28·length (read four, write three). Operations: 13·length. One dispatch for the arrays of a parameter, all in one pass.

struct Params {
  length: u32,
  decay: f32,
  keep_mean: f32,
  add_mean: f32,
  keep_square: f32,
  add_square: f32,
  rate: f32,
  root: f32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<f32>;
@group(0) @binding(3) var<storage, read_write> square: array<f32>;
@group(0) @binding(4) var<storage, read> gradient: array<f32>;
@group(0) @binding(5) var<storage, read> gate: array<f32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  if (gate[0] == 0.0) {
    return;
  }
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let i = first + WIDTH * step;
    if (i < params.length) {
      let g = gradient[i];
      let m = params.keep_mean * mean[i] + params.add_mean * g;
      let v = params.keep_square * square[i] + (params.add_square * g) * g;
      mean[i] = m;
      square[i] = v;
      let p = parameter[i];
      let change = params.rate * (m / (sqrt(v) * params.root + params.epsilon));
      parameter[i] = p - (params.decay * p + change);
    }
  }
}
