// The dictionary as a queue, MoCo section 3.1: the newest keys replace the oldest.
//
//     queue[(pointer + i) mod K] ← keys[i]        nothing is written while gate[0] is 0
//
// Of more rows than the queue holds only the last K are left, as sequential writes would leave them: the host skips the
// others, so no two invocations write one place.
//
// Bindings: queue [K, C] (written), keys [N, C], gate [1].
// Bytes: 8·min(N, K)·C. Operations: none but addressing.

struct Params {
  // kept·C, kept = min(N, K).
  count: u32,
  dim: u32,
  queue_size: u32,
  // Row of the queue that the first kept row goes to, in [0, K).
  start: u32,
  // First kept row of keys.
  skipped: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> queue: array<f32>;
@group(0) @binding(2) var<storage, read> keys: array<f32>;
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
    if (i < params.count) {
      let row = (params.start + i / params.dim) % params.queue_size;
      queue[row * params.dim + i % params.dim] = keys[params.skipped * params.dim + i];
    }
  }
}
