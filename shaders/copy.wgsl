// Puts back what a step that went bad had changed, or keeps what it will change (the key encoder of MoCo section 3.2 moves
// before the loss is known):
//
//     target ← source        nothing is written while gate[0] is 0
//
// Without a gate the queue copies, and no shader runs. Bits are copied: NaN and denormals stay what they are.
//
// Bindings: target [length] (written), source [length], both as bits; gate [1].
// Bytes: 8·length. Operations: none. One dispatch a pair of arrays, all in one pass.

struct Params {
  length: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> copied: array<u32>;
@group(0) @binding(2) var<storage, read> source: array<u32>;
@group(0) @binding(3) var<storage, read> gate: array<f32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  if (gate[0] == 0.0) {
    return;
  }
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let i = first + WIDTH * step;
    if (i < params.length) {
      copied[i] = source[i];
    }
  }
}
