// Sums of gradients and statistics over the groups of a batch, in group order:
//
//     sum ← sum + x₀ + x₁ + …,  or  x₀ + x₁ + … in the place of what was there
//
// Bindings: sum [length] (read and written), x [rows, length].
// Bytes: 4·length·(rows + 2). Operations: length·rows. One dispatch a pair of arrays, all in one pass.

struct Params {
  length: u32,
  rows: u32,
  // 0 or 1.
  add: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sum: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

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
      var value = x[i];
      if (params.add == 1u) {
        value = sum[i] + value;
      }
      for (var row = 1u; row < params.rows; row++) {
        value += x[row * params.length + i];
      }
      sum[i] = value;
    }
  }
}
