// The rows of NT-Xent, as row-tiles.wgsl asks for them: z is queries, keys and negatives. Joined to ntxent.wgsl and
// ntxent-weighted.wgsl, whose `params` have `rows` (2N) and `dim`.

@group(0) @binding(1) var<storage, read> z: array<f32>;

// The other view of the same image.
fn positive_of(row: u32) -> u32 {
  let half = params.rows / 2u;
  return select(row - half, row + half, row < half);
}

// One value of z, of the positives' for KEY; 0 outside.
fn element(source: u32, row: u32, column: u32, end: u32) -> f32 {
  if (row >= end || column >= params.dim) {
    return 0.0;
  }
  let own = select(row, positive_of(row), source == KEY);
  return z[own * params.dim + column];
}

// Whether a row before `end` is a negative of rows `row`, `row` + 8, +16 and +24: it is none of itself, nor of its positive.
fn is_negative(negative: u32, row: u32, end: u32) -> vec4<bool> {
  let queries = vec4u(row) + vec4u(0u, 8u, 16u, 24u);
  let positive = vec4u(positive_of(negative));
  return vec4<bool>(negative < end) & (queries != vec4u(negative)) & (queries != positive);
}
