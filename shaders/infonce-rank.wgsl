// The rank of the positive in InfoNCE: how many negatives have q·n > q·k, exactly. Part of infonce.wgsl, which it is appended
// to (WGSL has no include), with its bindings query [N, C], key [N, C], queue [K, C].
//
//     q·n > q·k  ⇔  Σ qᵢ·(nᵢ − kᵢ) > 0
//
// The two dot products are rounded numbers; within a margin their difference says nothing about the sign.
// Bytes: 12·C for a pair within the margin. Operations: 6·C, and about 80·C on integers where that does not tell either.

// Is q·n > q·k? First by Σ qᵢ·(nᵢ − kᵢ) in float32, whose error shrinks with n − k; where that is within its error too,
// exactly (exact-sign.wgsl).
fn is_nearer(row: u32, negative: u32) -> bool {
  let q = row * params.dim;
  let n = negative * params.dim;
  var sum = 0.0;
  var size = 0.0;
  var different = 0u;
  for (var c = 0u; c < params.dim; c++) {
    let difference = queue[n + c] - key[q + c];
    different |= bitcast<u32>(queue[n + c]) ^ bitcast<u32>(key[q + c]);
    sum += query[q + c] * difference;
    size += abs(query[q + c] * difference);
  }
  if (different == 0u) {
    return false;
  }
  // In any order: C + 2 roundings, each at most 2^-24 of the size, and products flushed to zero. Both doubled.
  if (abs(sum) > size * f32(params.dim + 3u) * 0x1p-23 + f32(params.dim) * 0x1p-124) {
    return sum > 0.0;
  }
  var total = Fixed(0u, 0u, 0u);
  for (var c = 0u; c < params.dim; c++) {
    let bits = bitcast<u32>(query[q + c]);
    total = fixed_add(total, fixed_product(bits, bitcast<u32>(queue[n + c])));
    total = fixed_add(total, fixed_negate(fixed_product(bits, bitcast<u32>(key[q + c]))));
  }
  return fixed_is_positive(total);
}

// How many of a negative's four differences are larger than 0: for each lane 0 or 1.
fn count_larger(difference: vec4f, block: u32, negative: u32, end: u32) -> vec4u {
  if (negative >= end) {
    return vec4u();
  }
  var larger = select(vec4u(), vec4u(1u), difference > vec4f(params.margin));
  let close = abs(difference) <= vec4f(params.margin);
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
