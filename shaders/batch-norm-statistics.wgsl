// BatchNorm in training (arXiv:1502.03167, algorithm 1), first of two stages: the statistics of each channel, M = batch·space values.
//
//     mean = s + Σ(x − s)/M        s: its first value, so that digits are not lost to the size of a mean
//     residual = Σc/M              c = x − mean: what the roundings of that mean are
//     variance = Σc²/M − residual²
//
// Bindings: x [batch, channels, space]; written, as bits: mean, variance, residual [channels]. A channel with a value that is not
// finite has NaN in all three, whatever WGSL assumes: the gate then closes.
// Bytes: 4·M·channels beside what caches hold (x is read twice). Operations: 6·M·channels.
// One workgroup a channel. reduce.wgsl is joined to it.

struct Params {
  batch: u32,
  channels: u32,
  space: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> mean: array<u32>;
@group(0) @binding(3) var<storage, read_write> variance: array<u32>;
@group(0) @binding(4) var<storage, read_write> residual: array<u32>;

// Sums have 256 lanes whatever the workgroup size, so that bits do not depend on it: lane l has values l, l + 256, …
const LANES = 256u;
override WIDTH: u32 = 256u;
const NAN = 0x7fc00000u;
var<workgroup> sums: array<vec2f, LANES>;

// Adds up the lanes. All invocations have to call it.
fn sum_of_lanes(lane: u32) -> vec2f {
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    for (var l = lane; l < half; l += WIDTH) {
      sums[l] += sums[l + half];
    }
    workgroupBarrier();
  }
  let sum = sums[0];
  workgroupBarrier();
  return sum;
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let channel = workgroup.y * workgroups.x + workgroup.x;
  if (channel >= params.channels) {
    return;
  }
  let start = channel * params.space;
  let image = params.channels * params.space;
  let first = x[start];
  let count = f32(params.batch * params.space);
  var exponent = 0u;
  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = 0.0;
    var n = l / params.space;
    var i = l % params.space;
    while (n < params.batch) {
      let value = x[start + n * image + i];
      exponent = max(exponent, (bitcast<u32>(value) & 0x7fffffffu) >> 23u);
      sum += value - first;
      i += LANES % params.space;
      n += LANES / params.space;
      if (i >= params.space) {
        i -= params.space;
        n += 1u;
      }
    }
    sums[l] = vec2f(sum, 0.0);
  }
  let bad = largest_of_all(exponent, lane) == 255u;
  let center = first + sum_of_lanes(lane).x / count;
  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = vec2f(0.0);
    var n = l / params.space;
    var i = l % params.space;
    while (n < params.batch) {
      let c = x[start + n * image + i] - center;
      sum += vec2f(c, c * c);
      i += LANES % params.space;
      n += LANES / params.space;
      if (i >= params.space) {
        i -= params.space;
        n += 1u;
      }
    }
    sums[l] = sum;
  }
  let rest = sum_of_lanes(lane) / count;
  if (lane == 0u) {
    mean[channel] = select(bitcast<u32>(center), NAN, bad);
    variance[channel] = select(bitcast<u32>(max(rest.y - rest.x * rest.x, 0.0)), NAN, bad);
    residual[channel] = select(bitcast<u32>(rest.x), NAN, bad);
  }
}
