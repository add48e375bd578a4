// Gradient of the L2 normalization: the part of dy along y is lost, the rest is divided by the norm.
//
//     dx = (dy − y·(y·dy)) / norm        for each row
//     dx = dy / 1e-12                    where the norm was clamped: there y = x/1e-12 is linear
//
// Bindings: y [rows, C], norm [rows], dy [rows, C], dx [rows, C] (written).
// Bytes: 12·rows·C beside what caches hold (y and dy are read twice). Operations: 5·rows·C.
// One workgroup a row.

struct Params {
  rows: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read> norm: array<f32>;
@group(0) @binding(3) var<storage, read> dy: array<f32>;
@group(0) @binding(4) var<storage, read_write> dx: array<f32>;

// Sums have 64 lanes whatever the workgroup size, so that bits do not depend on it: lane l has columns l, l + 64, …
const LANES = 64u;
override WIDTH: u32 = 64u;
var<workgroup> sums: array<f32, LANES>;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup.y * workgroups.x + workgroup.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * params.dim;
  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = 0.0;
    for (var c = l; c < params.dim; c += LANES) {
      sum += y[start + c] * dy[start + c];
    }
    sums[l] = sum;
  }
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    for (var l = lane; l < half; l += WIDTH) {
      sums[l] += sums[l + half];
    }
    workgroupBarrier();
  }
  // As in l2norm.wgsl: `<=` on float32 is `<` in float64.
  let clamped = norm[row] <= 1e-12;
  let projection = select(sums[0], 0.0, clamped);
  let divisor = select(norm[row], 1e-12, clamped);
  for (var c = lane; c < params.dim; c += WIDTH) {
    dx[start + c] = (dy[start + c] - y[start + c] * projection) / divisor;
  }
}
