// The rows of one group (the images that share BatchNorm statistics, MoCo section 3.3): group = row mod groups.
//
//     target[r] ← source[first + r·stride]
//
// Bindings: target [rows, C] (written), source [≥ first + (rows − 1)·stride + 1, C].
// Bytes: 8·rows·C. Operations: none but addressing.

struct Params {
  // rows·C.
  count: u32,
  dim: u32,
  first: u32,
  stride: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> gathered: array<f32>;
@group(0) @binding(2) var<storage, read> source: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 4u; step++) {
    let i = start + 64u * step;
    if (i < params.count) {
      let row = params.first + (i / params.dim) * params.stride;
      gathered[i] = source[row * params.dim + i % params.dim];
    }
  }
}
