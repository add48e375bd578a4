// BatchNorm in training (arXiv:1502.03167, algorithm 1), second of two stages: from the statistics of a channel,
//
//     y = (x − mean)·a + (β − residual·a)        a = γ/√(variance + ε)
//
// Bindings: x [batch, channels, space], gamma, beta, mean, variance, residual [channels]; written, as bits: y [batch, channels, space],
// NaN where the variance is not finite, whatever WGSL assumes.
// Bytes: 8·length beside what caches hold. Operations: 12·length.

struct Params {
  length: u32,
  channels: u32,
  space: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read> gamma: array<f32>;
@group(0) @binding(3) var<storage, read> beta: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read> residual: array<f32>;
@group(0) @binding(7) var<storage, read_write> y: array<u32>;

const NAN = 0x7fc00000u;
const EXPONENT = 0x7f800000u;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let i = first + WIDTH * step;
    if (i < params.length) {
      let c = (i / params.space) % params.channels;
      let a = gamma[c] / sqrt(variance[c] + params.epsilon);
      let value = (x[i] - mean[c]) * a + (beta[c] - residual[c] * a);
      let bad = (bitcast<u32>(variance[c]) & EXPONENT) == EXPONENT;
      y[i] = select(bitcast<u32>(value), NAN, bad);
    }
  }
}
