// The rank of the positive in InfoNCE and NT-Xent: how many negatives have q·n > q·k, exactly. Joined to both, after
// row-tiles.wgsl, whose `four` and `params` it uses; these have a `margin`, too.
//
//     q·n > q·k  ⇔  Σ qᵢ·(nᵢ − kᵢ) > 0
//
// The two dot products are rounded numbers; within a margin their difference says nothing about the sign.
// Bytes: 12·C for a pair within the margin. Operations: 6·C, and about 80·C on integers where that does not tell either.

// Is q·n > q·k? First by Σ qᵢ·(nᵢ − kᵢ) in float32, whose error shrinks with n − k; where that is within its error too,
// exactly (exact-sign.wgsl).
fn is_nearer(row: u32, negative: u32) -> bool {
  var sums = vec4f();
  var sizes = vec4f();
  var different = vec4u();
  for (var c = 0u; c < params.dim; c += 4u) {
    let n = four(QUEUE, negative, c, negative + 1u);
    let k = four(KEY, row, c, row + 1u);
    let q = four(QUERY, row, c, row + 1u);
    different |= bitcast<vec4u>(n) ^ bitcast<vec4u>(k);
    sums += q * (n - k);
    sizes += abs(q * (n - k));
  }
  if (all(different == vec4u())) {
    return false;
  }
  let sum = (sums.x + sums.y) + (sums.z + sums.w);
  let size = (sizes.x + sizes.y) + (sizes.z + sizes.w);
  // In any order: C + 2 roundings, each at most 2^-24 of the size, and products flushed to zero. Both doubled.
  if (abs(sum) > size * f32(params.dim + 3u) * 0x1p-23 + f32(params.dim) * 0x1p-124) {
    return sum > 0.0;
  }
  var total = Fixed(0u, 0u, 0u);
  for (var c = 0u; c < params.dim; c += 4u) {
    let n = bitcast<vec4u>(four(QUEUE, negative, c, negative + 1u));
    let k = bitcast<vec4u>(four(KEY, row, c, row + 1u));
    let q = bitcast<vec4u>(four(QUERY, row, c, row + 1u));
    for (var i = 0u; i < 4u; i++) {
      total = fixed_add(total, fixed_product(q[i], n[i]));
      total = fixed_add(total, fixed_negate(fixed_product(q[i], k[i])));
    }
  }
  return fixed_is_positive(total);
}

// How many of a negative's four differences are larger than 0, of those that count: for each lane 0 or 1.
fn count_larger(difference: vec4f, block: u32, negative: u32, counts: vec4<bool>) -> vec4u {
  var larger = select(vec4u(), vec4u(1u), counts & (difference > vec4f(params.margin)));
  let close = counts & (abs(difference) <= vec4f(params.margin));
  if (any(close)) {
    for (var lane = 0u; lane < 4u; lane++) {
      let row = block + 8u * lane;
      if (close[lane] && row < params.rows && is_nearer(row, negative)) {
        larger += select(vec4u(), vec4u(1u), vec4u(0u, 1u, 2u, 3u) == vec4u(lane));
      }
    }
  }
  return larger;
}
