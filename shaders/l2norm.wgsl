// L2 normalization of embeddings (MoCo section 3.2 compares unit vectors; torch.nn.functional.normalize):
//
//     norm = ‖x‖₂;   y = x / max(norm, 1e-12)        for each row
//
// A row is first scaled by a power of two (exact) that brings its largest component near 1: squares neither overflow nor
// vanish, whatever the size of the row.
//
// Bindings: x [rows, C]; written, as bits: y [rows, C], norm [rows] (not clamped). A row with a value that is not finite
// becomes NaN, whatever WGSL assumes: the loss then closes the gate.
// Bytes: 8·rows·C + 4·rows beside what caches hold (x is read three times). Operations: 4·rows·C.
// One workgroup a row. reduce.wgsl is joined to it.

struct Params {
  rows: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<u32>;
@group(0) @binding(3) var<storage, read_write> norm: array<u32>;

// Sums have 64 lanes whatever the workgroup size, so that bits do not depend on it: lane l has columns l, l + 64, …
const LANES = 64u;
override WIDTH: u32 = 64u;
const NAN = 0x7fc00000u;
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
  // The largest exponent: bits of a float32 without its sign rise with its size.
  var exponent = 0u;
  for (var c = lane; c < params.dim; c += WIDTH) {
    exponent = max(exponent, (bitcast<u32>(x[start + c]) & 0x7fffffffu) >> 23u);
  }
  exponent = largest_of_all(exponent, lane);
  let bad = exponent == 255u;
  // scale·inverse = 1, both normal numbers.
  let biased = clamp(254u - min(exponent, 254u), 1u, 253u);
  let scale = bitcast<f32>(biased << 23u);
  let inverse = bitcast<f32>((254u - biased) << 23u);
  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = 0.0;
    for (var c = l; c < params.dim; c += LANES) {
      let value = x[start + c] * scale;
      sum += value * value;
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
  let scaled = sqrt(sums[0]);
  let length = scaled * inverse;
  if (lane == 0u) {
    norm[row] = select(bitcast<u32>(length), NAN, bad);
  }
  // No float32 lies between the one nearest to 1e-12 and 1e-12 itself, so `<=` here is `<` in float64.
  let clamped = length <= 1e-12;
  let factor = select(scale, 1.0, clamped);
  let divisor = select(scaled, 1e-12, clamped);
  for (var c = lane; c < params.dim; c += WIDTH) {
    y[start + c] = select(bitcast<u32>(x[start + c] * factor / divisor), NAN, bad);
  }
}
