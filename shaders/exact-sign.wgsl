// Which of two dot products is larger, where float32 cannot tell: the sign of Σ qᵢ·nᵢ − Σ qᵢ·kᵢ, for the rank of the
// positive (rank.wgsl; this file has no bindings and is appended to it).
//
// WGSL has no float64, and an implementation may reorder float32 sums, fuse a product with a sum and flush denormals, so
// tricks with pairs of float32 are not safe. Whole numbers are: each product of two 24-bit mantissas is an exact 48-bit
// number; shifted by its exponent it is added to a 96-bit fixed-point number in units of 2^-80. Only bits below 2^-80 are
// dropped: the sign is right whenever the dot products of unit rows differ by more than 2·C·2^-80.
//
// Operations: about 40 on integers for a product.

// Two's complement, lowest 32 bits first.
struct Fixed {
  low: u32,
  middle: u32,
  high: u32,
}

fn fixed_is_positive(x: Fixed) -> bool {
  return (x.high & 0x80000000u) == 0u && (x.low | x.middle | x.high) != 0u;
}

fn fixed_add(a: Fixed, b: Fixed) -> Fixed {
  let low = a.low + b.low;
  let carry_low = select(0u, 1u, low < a.low);
  let middle = a.middle + b.middle;
  let carry_middle = select(0u, 1u, middle < a.middle);
  let total = middle + carry_low;
  let carry_total = select(0u, 1u, total < middle);
  return Fixed(low, total, a.high + b.high + carry_middle + carry_total);
}

fn fixed_negate(x: Fixed) -> Fixed {
  return fixed_add(Fixed(~x.low, ~x.middle, ~x.high), Fixed(1u, 0u, 0u));
}

// x·2^shift; what falls out of 96 bits at either end is lost.
fn fixed_shift(x: Fixed, shift: i32) -> Fixed {
  var y = x;
  if (shift >= 0) {
    for (var words = shift / 32; words > 0; words--) {
      y = Fixed(0u, y.low, y.middle);
    }
    let bits = u32(shift % 32);
    if (bits > 0u) {
      y = Fixed(
        y.low << bits,
        (y.middle << bits) | (y.low >> (32u - bits)),
        (y.high << bits) | (y.middle >> (32u - bits)),
      );
    }
  } else {
    for (var words = min(-shift / 32, 3); words > 0; words--) {
      y = Fixed(y.middle, y.high, 0u);
    }
    let bits = u32(-shift % 32);
    if (bits > 0u) {
      y = Fixed(
        (y.low >> bits) | (y.middle << (32u - bits)),
        (y.middle >> bits) | (y.high << (32u - bits)),
        y.high >> bits,
      );
    }
  }
  return y;
}

// a·b in units of 2^-80, from the bits of two float32. Factors of 2 and more (no unit row has them) saturate the shift.
fn fixed_product(a: u32, b: u32) -> Fixed {
  let exponent_a = (a >> 23u) & 0xffu;
  let exponent_b = (b >> 23u) & 0xffu;
  let mantissa_a = (a & 0x7fffffu) | select(0u, 0x800000u, exponent_a > 0u);
  let mantissa_b = (b & 0x7fffffu) | select(0u, 0x800000u, exponent_b > 0u);
  // 24 × 24 bits by halves of 12.
  let a0 = mantissa_a & 0xfffu;
  let a1 = mantissa_a >> 12u;
  let b0 = mantissa_b & 0xfffu;
  let b1 = mantissa_b >> 12u;
  let cross = a0 * b1 + a1 * b0;
  let low = a0 * b0 + (cross << 12u);
  let carry = select(0u, 1u, low < (cross << 12u));
  let magnitude = Fixed(low, a1 * b1 / 256u + (cross >> 20u) + carry, 0u);
  let top = Fixed((a1 * b1) << 24u, 0u, 0u);
  // A value is mantissa·2^(exponent − 150), a denormal's exponent counts as 1.
  let shift = i32(max(exponent_a, 1u) + max(exponent_b, 1u)) - 300 + 80;
  let product = fixed_shift(fixed_add(magnitude, top), min(shift, 34));
  if (((a ^ b) & 0x80000000u) != 0u) {
    return fixed_negate(product);
  }
  return product;
}
