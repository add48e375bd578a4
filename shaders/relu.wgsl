// ReLU:
//
//     y ← 0 where x < 0, else x
//
// WGSL may assume that there are no NaN, and max(x, 0) gives either of its two where one is NaN: x is compared as bits, and
// so a NaN stays itself, as do −0 and denormals.
//
// Bindings: y [length] (written), x [length], both as bits.
// Bytes: 8·length. Operations: 3·length, on integers.

struct Params {
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<storage, read> x: array<u32>;

// What is below 0 lies between these two; what comes after −∞ is NaN.
const MINUS_ZERO = 0x80000000u;
const MINUS_INFINITY = 0xff800000u;

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
      let value = x[i];
      y[i] = select(value, 0u, value > MINUS_ZERO && value <= MINUS_INFINITY);
    }
  }
}
