// The gradient of BatchNorm (arXiv:1502.03167, section 3), second of two stages: from the factors of a channel,
//
//     dx = ((dy − p) − (x − mean)·k)·γ/√(variance + ε)
//
// Bindings: dy, x [batch, channels, space], gamma, mean, variance [channels], factors [channels, 2]: p and k of batch-norm-sums.wgsl;
// written, as bits: dx [batch, channels, space], NaN where k is, whatever WGSL assumes.
// Bytes: 12·length beside what caches hold. Operations: 13·length.

struct Params {
  length: u32,
  channels: u32,
  space: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> gamma: array<f32>;
@group(0) @binding(4) var<storage, read> mean: array<f32>;
@group(0) @binding(5) var<storage, read> variance: array<f32>;
@group(0) @binding(6) var<storage, read> factors: array<vec2f>;
@group(0) @binding(7) var<storage, read_write> dx: array<u32>;

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
      let factor = factors[c];
      let g = gamma[c] / sqrt(variance[c] + params.epsilon);
      let value = ((dy[i] - factor.x) - (x[i] - mean[c]) * factor.y) * g;
      let bad = (bitcast<u32>(factor.y) & EXPONENT) == EXPONENT;
      dx[i] = select(bitcast<u32>(value), NAN, bad);
    }
  }
}
