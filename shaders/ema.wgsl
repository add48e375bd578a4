// Momentum update of the key encoder, MoCo eq. (2), section 3.2:
//
//     θk ← m·θk + (1 − m)·θq        m = 0 copies the query, m = 1 keeps the key
//
// Bindings: key [length] (read and written), query [length].
// Bytes: 12·length (read both, write one). Operations: 3·length. One dispatch a pair of arrays, all in one pass.

struct Params {
  length: u32,
  m: f32,
  // 1 − m, taken in float64 before rounding.
  complement: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> key: array<f32>;
@group(0) @binding(2) var<storage, read> query: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 4u; step++) {
    let i = first + 64u * step;
    if (i < params.length) {
      key[i] = params.m * key[i] + params.complement * query[i];
    }
  }
}
