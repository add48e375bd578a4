// NT-Xent, last stage: V of the splits added in their order, and the pull of the positive, which has lost what the negatives have:
//
//     dzᵢ = scale/τ·(Σₛ Vᵢₛ − (missᵢ + miss₊)·z₊)
//
// Bindings: weighted [rows of this dispatch, splits, C], z [2N, C], miss [2N], dz [2N, C] (written). One invocation a value.
// Bytes: 4·2N·C·(splits + 2). Operations: 2N·C·(splits + 3).

struct Params {
  // Values of this dispatch, and its first row.
  length: u32,
  first_row: u32,
  // 2N
  rows: u32,
  dim: u32,
  splits: u32,
  // gradientScale/τ.
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> weighted: array<f32>;
@group(0) @binding(2) var<storage, read> z: array<f32>;
@group(0) @binding(3) var<storage, read> miss: array<f32>;
@group(0) @binding(4) var<storage, read_write> dz: array<f32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = (workgroup.y * workgroups.x + workgroup.x) * 256u + lane;
  let half = params.rows / 2u;
  for (var step = 0u; step < 256u / WIDTH; step++) {
    let i = first + WIDTH * step;
    if (i < params.length) {
      let c = i % params.dim;
      let row = params.first_row + i / params.dim;
      let positive = select(row - half, row + half, row < half);
      var v = 0.0;
      for (var s = 0u; s < params.splits; s++) {
        v += weighted[((i / params.dim) * params.splits + s) * params.dim + c];
      }
      let pull = (miss[row] + miss[positive]) * z[positive * params.dim + c];
      dz[row * params.dim + c] = params.scale * (v - pull);
    }
  }
}
