// The gradient of a convolution's weights, second of two stages: the sums of all slices, in their order.
//
//     gradient ← Σ over slices of sums,  or  gradient + that sum where it is to be added
//
// Bindings: sums [slices, length], gradient [length] (read and written).
// Bytes: 4·length·(slices + 2). Operations: length·slices.

struct Params {
  length: u32,
  slices: u32,
  // 0 or 1.
  add: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> gradient: array<f32>;

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
      var sum = sums[i];
      for (var slice = 1u; slice < params.slices; slice++) {
        sum += sums[slice * params.length + i];
      }
      if (params.add == 1u) {
        sum = gradient[i] + sum;
      }
      gradient[i] = sum;
    }
  }
}
