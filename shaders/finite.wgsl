// The finite gate: one number that lets this step's SGD and enqueue write, or not.
//
//     gate ← 1 if no value of any array is NaN or ±∞, else 0
//
// `open` runs once, then `main` for each array. WGSL may assume that there are no NaN and no infinities, so `x == x` or
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

const ONE = 0x3f800000u; // 1.0
const EXPONENT = 0x7f800000u;

@compute @workgroup_size(1)
fn open() {
  atomicStore(&gate[0], ONE);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  var bad = false;
  for (var step = 0u; step < 4u; step++) {
    let i = first + 64u * step;
    if (i < params.length) {
      bad = bad || (x[i] & EXPONENT) == EXPONENT;
    }
  }
  if (bad) {
    atomicStore(&gate[0], 0u);
  }
}
