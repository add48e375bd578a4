// Exponential moving average, of which the step has two:
//
//     target ← a·target + b·source        nothing is written while gate[0] is 0
//
// The momentum update of the key encoder, MoCo eq. (2), section 3.2: θk ← m·θk + (1 − m)·θq, a = m, b = 1 − m; m = 0
// copies the query, m = 1 keeps the key. And BatchNorm's running statistics (MoCo section 3.3 has them per GPU): a = 0.9,
// b = 0.1 over the number of groups.
//
// Bindings: target [length] (read and written), source [length], gate [1].
// Bytes: 12·length (read both, write one). Operations: 3·length. One dispatch a pair of arrays, all in one pass.

struct Params {
  length: u32,
  a: f32,
  b: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
// `target` is a reserved word of WGSL.
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<f32>;
@group(0) @binding(3) var<storage, read> gate: array<f32>;

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
      result[i] = params.a * result[i] + params.b * source[i];
    }
  }
}
