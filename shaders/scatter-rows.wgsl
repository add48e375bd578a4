// Rows of a group back to their places in the batch: the inverse of gather-rows.wgsl. So keys of the shuffled groups of
// ShuffleBN (MoCo section 3.3) return to the order of their queries:
//
//     target[rows[r]] ← source[r]        rows are distinct: no two invocations write one place
//
// Bindings: target [≥ max(rows) + 1, C] (written), source [R, C], both as bits; rows [R].
// Bytes: 8·R·C + 4·R. Operations: none but addressing.

struct Params {
  // R·C.
  count: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> scattered: array<u32>;
@group(0) @binding(2) var<storage, read> source: array<u32>;
@group(0) @binding(3) var<storage, read> rows: array<u32>;

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
    if (i < params.count) {
      scattered[rows[i / params.dim] * params.dim + i % params.dim] = source[i];
    }
  }
}
