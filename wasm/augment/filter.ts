/**
 * The weights of a triangle filter whose support grows when shrinking (Pillow, Resample.c: precompute_coeffs), fixed-point
 * numbers of 22 bits. A dot product of 16-bit lanes is one instruction where a 32-bit multiplication is several, so a weight
 * is split into its upper and lower 11 bits, and weights lie in pairs: upper, upper, lower, lower.
 *
 * Each output pixel takes the same number of pairs. Those at the borders, which need fewer, have zeros, and begin so early that
 * none reaches beyond the input by more than one pixel.
 */

function firstOf(center: f64, stretch: f64): i32 {
  return <i32>max(0.0, trunc(center - stretch + 0.5));
}

function endOf(center: f64, stretch: f64, input: i32): i32 {
  return <i32>min(<f64>input, trunc(center + stretch + 0.5));
}

/** How many pairs of input pixels the outputs `from` … `from + count − 1` take, of `output` ones from `input`. */
export function filterPairs(input: i32, output: f64, from: f64, count: i32): i32 {
  const scale = <f64>input / output;
  const stretch = max(scale, 1.0);
  let most = 1;
  for (let x = 0; x < count; x++) {
    const center = (from + <f64>x + 0.5) * scale;
    most = max(most, endOf(center, stretch, input) - firstOf(center, stretch));
  }
  return (most + 1) >> 1;
}

/**
 * @param starts int32 [count rounded up to 4]: receives the first input pixel of each output.
 * @param weights 8 bytes [count rounded up to 4, pairs].
 */
export function makeFilter(
  input: i32,
  output: f64,
  from: f64,
  count: i32,
  pairs: i32,
  starts: usize,
  weights: usize,
): void {
  const scale = <f64>input / output;
  const stretch = max(scale, 1.0);
  const inverse = 1.0 / stretch;
  const rounded = (count + 3) & ~3;
  memory.fill(starts, 0, (<usize>rounded) << 2);
  memory.fill(weights, 0, (<usize>rounded * <usize>pairs) << 3);
  for (let x = 0; x < count; x++) {
    const center = (from + <f64>x + 0.5) * scale;
    const first = firstOf(center, stretch);
    const end = endOf(center, stretch, input);
    let total: f64 = 0;
    for (let i = first; i < end; i++) total += triangle(<f64>i, center, inverse);
    const start = max(0, min(first, input - 2 * pairs));
    store<i32>(starts + ((<usize>x) << 2), start);
    for (let i = first; i < end; i++) {
      const value = triangle(<f64>i, center, inverse);
      const weight = <i32>(0.5 + (total == 0 ? value : value / total) * 4194304.0);
      const tap = i - start;
      const pair = weights + ((<usize>(tap >> 1)) << 3) + ((<usize>(tap & 1)) << 1);
      store<i16>(pair, <i16>(weight >> 11));
      store<i16>(pair, <i16>(weight & 2047), 4);
    }
    weights += (<usize>pairs) << 3;
  }
}

function triangle(i: f64, center: f64, inverse: f64): f64 {
  const distance = abs((i - center + 0.5) * inverse);
  return distance < 1.0 ? 1.0 - distance : 0.0;
}
