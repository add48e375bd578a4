// Stochastic gradient descent as torch.optim.SGD computes it (MoCo section 4: momentum 0.9, weight decay 1e-4):
//
//     d = g + wd·p;   buf ← μ·buf + d;   p ← p − lr·buf        nothing is written while gate[0] is 0
//
// The learning rate stays outside the buffer, so it may change freely.
//
// Bindings: p [length], buf [length] (both read and written), g [length], gate [1].
// Bytes: 20·length (read three, write two). Operations: 6·length. One dispatch a triple of arrays, all in one pass.

struct Params {
  length: u32,
  learning_rate: f32,
  momentum: f32,
  weight_decay: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> buffer: array<f32>;
@group(0) @binding(3) var<storage, read> gradient: array<f32>;
@group(0) @binding(4) var<storage, read> gate: array<f32>;

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
      let p = parameter[i];
      let d = gradient[i] + params.weight_decay * p;
      let b = params.momentum * buffer[i] + d;
      buffer[i] = b;
      parameter[i] = p - params.learning_rate * b;
    }
  }
}
