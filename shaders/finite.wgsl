// The finite gate: one number that lets a step's SGD and enqueue write, or not.
//
//     gate ← 0 if any value of x is NaN or ±∞; else it stays as it is: closed gates stay closed
//
// One dispatch an array, all in one pass. WGSL may assume that there are no NaN and no infinities, so `x == x` or
// `abs(x) < max` could be folded away: the test reads bits, and all exponent bits set means not finite. Every invocation
// that closes the gate stores the same value atomically, so the result does not depend on their order.
//
// Bindings: gate [1], x [length]; both as the bits of float32.
// Bytes: 4·length. Operations: 2·length, on integers.

struct Params {
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> gate: array<atomic<u32>>;
@group(0) @binding(2) var<storage, read> x: array<u32>;

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
  var bad = false;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let i = first + WIDTH * step;
    if (i < params.length) {
      bad = bad || (x[i] & EXPONENT) == EXPONENT;
    }
  }
  if (bad) {
    atomicStore(&gate[0], 0u);
  }
}
