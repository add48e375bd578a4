// Parts of the squared lengths of a tensor and of its gradient with weight decay, which LARS goes by:
//
//     sums[b] ← [ Σᵢ pᵢ²,  Σᵢ dᵢ² ] over the 1024 elements of block b, with their exponents;   d = g + wd·p
//
// Each sum is of values scaled by a power of two (exact) that brings the largest of its block near 1: squares neither
// overflow nor vanish, whatever the size of a gradient. sums holds what it then is, and the exponent e of its scale 2^(127 − e).
//
// Bindings: p [length], g [length]; written, as bits: sums [blocks, 4], of each block Σp², Σd², and the exponents of both.
// Bytes: 8·length. Operations: 8·length. A workgroup a block; 64 lanes, each with elements 64 apart, then a tree: the same
// bits each time. What is not finite makes numbers that mean nothing. reduce.wgsl is joined to it.

struct Params {
  length: u32,
  blocks: u32,
  weight_decay: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> parameter: array<f32>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<u32>;

const BLOCK = 1024u;
// Sums have 64 lanes whatever the workgroup size, so that bits do not depend on it.
const LANES = 64u;
override WIDTH: u32 = 64u;

// p and d of each element. Computed once: of two computations one may be fused, and be 0 where the other is not.
var<workgroup> values: array<vec2f, BLOCK>;
var<workgroup> lanes: array<vec2f, LANES>;

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = workgroup.y * workgroups.x + workgroup.x;
  if (block >= params.blocks) {
    return;
  }
  var largest = vec2u(0u);
  for (var e = lane; e < BLOCK; e += WIDTH) {
    let i = block * BLOCK + e;
    var value = vec2f(0.0);
    if (i < params.length) {
      let p = parameter[i];
      value = vec2f(p, gradient[i] + params.weight_decay * p);
    }
    values[e] = value;
    largest = max(largest, (bitcast<vec2u>(value) & vec2u(0x7fffffffu)) >> vec2u(23u));
  }
  // Of normal numbers, and so that 127 − e is the exponent of one, too.
  let exponents = clamp(
    vec2u(largest_of_all(largest.x, lane), largest_of_all(largest.y, lane)),
    vec2u(1u),
    vec2u(253u),
  );
  let scale = bitcast<vec2f>((vec2u(254u) - exponents) << vec2u(23u));
  for (var l = lane; l < LANES; l += WIDTH) {
    var sum = vec2f(0.0);
    for (var e = l; e < BLOCK; e += LANES) {
      let value = values[e] * scale;
      sum += value * value;
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
    sums[4u * block] = bitcast<u32>(lanes[0].x);
    sums[4u * block + 1u] = bitcast<u32>(lanes[0].y);
    sums[4u * block + 2u] = exponents.x;
    sums[4u * block + 3u] = exponents.y;
  }
}
