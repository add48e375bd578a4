// A step of LARS, Layer-wise Adaptive Rate Scaling (You, Gitman, Ginsburg 2017, arXiv:1708.03888):
//
//     d = scale·(g + wd·p);   buf ← μ·buf + d;   p ← p − rate·buf        nothing is written while gate[0] is 0
//
// scale is what lars-scale.wgsl leaves, times what the parameters say, and the learning rate is part of scale or is `rate`.
//
// Bindings: p [length], buf [length] (both read and written), g [length], scale [1], gate [1].
// Bytes: 20·length (read three, write two). Operations: 7·length.

struct Params {
  length: u32,
  momentum: f32,
  weight_decay: f32,
  factor: f32,
  rate: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> buffer: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> scale: array<f32>;
@group(0) @binding(5) var<storage, read> gate: array<f32>;

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
  let factor = params.factor * scale[0];
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let i = first + WIDTH * step;
    if (i < params.length) {
      let p = parameter[i];
      let d = factor * (gradient[i] + params.weight_decay * p);
      let b = params.momentum * buffer[i] + d;
      buffer[i] = b;
      parameter[i] = p - params.rate * b;
    }
  }
}
