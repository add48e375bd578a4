// Weighted sums of rows for the tiles of row-tiles.wgsl: V of InfoNCE and NT-Xent, whose gradients are made of them. Joined to
// both. Invocation (x, y) has the queries of its similarities and 4 columns out of each 32.
//
// The kernel declares `weighted` [N, splits, C] and `params` with `first_row` (the first query of this dispatch: weighted holds
// its rows only) and `splits`.
//
// Operations: 2·32·32·32 for a tile and 32 columns.

// [row][x]: weights of a tile for queries x, x+8, x+16, x+24.
var<workgroup> weights: array<vec4f, 32u * 8u>;

// V of 32 columns ← factor·V + Σⱼ weightⱼ·nⱼ over a tile. The sum over the tile starts at zero and is added as a whole, so
// rounding grows with 32 + K/32 and not with K.
fn add_weighted(
  sums: array<vec4f, 4>,
  factor: vec4f,
  first: u32,
  end: u32,
  column: u32,
  lane: u32,
) -> array<vec4f, 4> {
  if (column >= params.dim) {
    return sums;
  }
  workgroupBarrier();
  load_negatives(first, end, column, lane);
  workgroupBarrier();
  var t0 = vec4f();
  var t1 = vec4f();
  var t2 = vec4f();
  var t3 = vec4f();
  for (var j = 0u; j < 32u; j++) {
    let w = weights[j * 8u + lane % 8u];
    let n = negatives[j * STRIDE + lane / 8u];
    t0 += w.x * n;
    t1 += w.y * n;
    t2 += w.z * n;
    t3 += w.w * n;
  }
  return array<vec4f, 4>(
    factor.x * sums[0] + t0,
    factor.y * sums[1] + t1,
    factor.z * sums[2] + t2,
    factor.w * sums[3] + t3,
  );
}

fn put_weighted(sums: array<vec4f, 4>, row: u32, split: u32, column: u32) {
  var values = sums;
  for (var i = 0u; i < 4u; i++) {
    if (row + 8u * i < params.rows) {
      let start = ((row + 8u * i - params.first_row) * params.splits + split) * params.dim;
      for (var c = 0u; c < 4u && column + c < params.dim; c++) {
        weighted[start + column + c] = values[i][c];
      }
    }
  }
}
