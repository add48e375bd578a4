// The gradient of BatchNorm (arXiv:1502.03167, section 3), first of two stages. Of each channel, with r = 1/√(variance + ε), c = x − mean,
// M = batch·space values:
//
//     dBeta = Σdy    dGamma = r·(Σdy·c − residual·dBeta)    k = r·dGamma/M    p = dBeta/M − residual·k
//
// Bindings: dy, x [batch, channels, space], mean, variance, residual [channels]; written, as bits: dGamma, dBeta [channels], factors
// [channels, 2]: p and k. A channel with a value of dy or x that is not finite has NaN in all of them, whatever WGSL assumes: the gate
// then closes.
// Bytes: 8·M·channels. Operations: 4·M·channels. One workgroup a channel. reduce.wgsl is joined to it.

struct Params {
  batch: u32,
  channels: u32,
  space: u32,
  epsilon: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read> mean: array<f32>;
@group(0) @binding(4) var<storage, read> variance: array<f32>;
@group(0) @binding(5) var<storage, read> residual: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_gamma: array<u32>;
@group(0) @binding(7) var<storage, read_write> d_beta: array<u32>;
@group(0) @binding(8) var<storage, read_write> factors: array<vec2u>;

// Sums have 256 lanes whatever the workgroup size, so that bits do not depend on it: lane l has values l, l + 256, …
const LANES = 256u;
override WIDTH: u32 = 256u;
const NAN = 0x7fc00000u;
var<workgroup> sums: array<vec2f, LANES>;

fn exponent_of(value: f32) -> u32 {
  return (bitcast<u32>(value) & 0x7fffffffu) >> 23u;
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
  let center = mean[channel];
  var exponent = 0u;
  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = vec2f(0.0);
    var n = l / params.space;
    var i = l % params.space;
    while (n < params.batch) {
      let at = start + n * image + i;
      exponent = max(exponent, max(exponent_of(dy[at]), exponent_of(x[at])));
      sum += vec2f(dy[at], dy[at] * (x[at] - center));
      i += LANES % params.space;
      n += LANES / params.space;
      if (i >= params.space) {
        i -= params.space;
        n += 1u;
      }
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
  let bad = largest_of_all(exponent, lane) == 255u;
  if (lane == 0u) {
    let sum = sums[0];
    let rest = residual[channel];
    let count = f32(params.batch * params.space);
    let root = sqrt(variance[channel] + params.epsilon);
    let slope = (sum.y - rest * sum.x) / root;
    let k = slope / root / count;
    let p = sum.x / count - rest * k;
    d_gamma[channel] = select(bitcast<u32>(slope), NAN, bad);
    d_beta[channel] = select(bitcast<u32>(sum.x), NAN, bad);
    factors[channel] = select(bitcast<vec2u>(vec2f(p, k)), vec2u(NAN), bad);
  }
}
