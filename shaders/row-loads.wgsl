// Rows four values at a time: one load where all rows begin at multiples of four, else two that are put together. Joined to what
// reads rows of any number of columns by fours.

// Four neighbors that begin `by` values into a, b follows a. `by` counts by its lowest two bits.
fn shifted(a: vec4f, b: vec4f, by: u32) -> vec4f {
  let far = (by & 2u) != 0u;
  let four = select(a, vec4f(a.zw, b.xy), far);
  let next = select(b.x, b.z, far);
  return select(four, vec4f(four.yzw, next), (by & 1u) != 0u);
}

// 0 for what is beyond a row of `dim` columns.
fn within_row(values: vec4f, column: u32, dim: u32) -> vec4f {
  return select(vec4f(), values, vec4u(column) + vec4u(0u, 1u, 2u, 3u) < vec4u(dim));
}
