// The sum of two arrays, such as the two branches that meet behind a residual block:
//
//     y ← a + b
//
// Bindings: y [length] (written), a [length], b [length].
// Bytes: 12·length. Operations: length.

struct Params {
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read> a: array<f32>;
@group(0) @binding(3) var<storage, read> b: array<f32>;

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
      y[i] = a[i] + b[i];
    }
  }
}
