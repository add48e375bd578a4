// From the sums of lars-norms.wgsl to the factor of a tensor's gradient (You, Gitman, Ginsburg 2017, arXiv:1708.03888, (6)):
//
//     scale ← factor · trust·‖p‖ / ‖d‖, at most the largest float32;   factor where either length is 0
//
// Bindings: sums [blocks, 4]; written: scale [1].
// Bytes: 16·blocks. Operations: 6·blocks. One workgroup; 64 lanes, each with blocks 64 apart, then a tree. reduce.wgsl is
// joined to it.

struct Params {
  blocks: u32,
  factor: f32,
  // trust times factor
  trust: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> sums: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> scale: array<f32>;

// Sums have 64 lanes whatever the workgroup size, so that bits do not depend on it.
const LANES = 64u;
override WIDTH: u32 = 64u;
const LARGEST = 0x7f7fffffu;

var<workgroup> lanes: array<vec2f, LANES>;

// 2^(−2·distance), by its bits. 2^-126 in the place of less: of another block, that is nothing beside the largest sum.
fn square_of_power(distance: vec2u) -> vec2f {
  return bitcast<vec2f>((vec2u(127u) - 2u * min(distance, vec2u(63u))) << vec2u(23u));
}

// value · 2^power for value ≥ 0, at most the largest float32, and 0 where either is no normal number.
fn times_power(value: f32, power: i32) -> f32 {
  let bits = bitcast<u32>(value);
  let exponent = i32(bits >> 23u) + power;
  if ((bits >> 23u) == 0u || exponent < 1) {
    return 0.0;
  }
  return bitcast<f32>(select((bits & 0x007fffffu) | (u32(exponent) << 23u), LARGEST, exponent > 254));
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) lane: u32) {
  var largest = vec2u(0u);
  for (var b = lane; b < params.blocks; b += WIDTH) {
    largest = max(largest, sums[b].zw);
  }
  let exponents = vec2u(largest_of_all(largest.x, lane), largest_of_all(largest.y, lane));
  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = vec2f(0.0);
    for (var b = l; b < params.blocks; b += LANES) {
      sum += bitcast<vec2f>(sums[b].xy) * square_of_power(exponents - sums[b].zw);
    }
    lanes[l] = sum;
  }
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    for (var l = lane; l < half; l += WIDTH) {
      lanes[l] += lanes[l + half];
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let squares = lanes[0];
    var result = params.factor;
    if (squares.x > 0.0 && squares.y > 0.0) {
      let ratio = params.trust * (sqrt(squares.x) / sqrt(squares.y));
      result = times_power(ratio, i32(exponents.x) - i32(exponents.y));
    }
    scale[0] = result;
  }
}
