// The rows of NT-Xent, as row-tiles.wgsl asks for them: z is queries, keys and negatives. Joined to ntxent.wgsl and
// ntxent-weighted.wgsl, whose `params` have `rows` (2N) and `dim`.

@group(0) @binding(1) var<storage, read> z: array<vec4f>;

// The other view of the same image.
fn positive_of(row: u32) -> u32 {
  let half = params.rows / 2u;
  return select(row - half, row + half, row < half);
}

// The row itself, but for KEY that of its positive.
fn row_of(source: u32, row: u32) -> u32 {
  return select(row, positive_of(row), source == KEY);
}

fn four_at(source: u32, i: u32) -> vec4f {
  return z[i];
}

// Whether a row before `end` is a negative of rows `row`, `row` + 8, +16 and +24: it is none of itself, nor of its positive.
fn is_negative(negative: u32, row: u32, end: u32) -> vec4<bool> {
  let queries = vec4u(row) + vec4u(0u, 8u, 16u, 24u);
  let positive = vec4u(positive_of(negative));
  return vec4<bool>(negative < end) & (queries != vec4u(negative)) & (queries != positive);
}
