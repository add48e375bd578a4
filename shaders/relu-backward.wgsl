// The gradient of ReLU:
//
//     dx ← dy where y > 0, y where it is NaN, else 0
//
// y is what relu gave, or what it was given: both are above 0 in the same places. WGSL may assume that there are no NaN:
// y is compared as bits, and dy is moved as bits.
//
// Bindings: dx [length] (written), dy [length], y [length], all as bits.
// Bytes: 12·length. Operations: 6·length, on integers.

struct Params {
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> dx: array<u32>;
@group(0) @binding(2) var<storage, read> dy: array<u32>;
@group(0) @binding(3) var<storage, read> y: array<u32>;

const SIGN = 0x80000000u;
// What has more in the bits behind the sign is NaN.
const INFINITY = 0x7f800000u;

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
      let value = y[i];
      let is_nan = (value & ~SIGN) > INFINITY;
      let is_positive = value != 0u && value <= INFINITY;
      dx[i] = select(select(0u, dy[i], is_positive), value, is_nan);
    }
  }
}
