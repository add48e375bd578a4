// The kNN monitor (weighted nearest neighbors of Wu et al., arXiv:1805.01978, section 3.4), first of two stages: dot
// products of a block of queries with the bank.
//
//     s[r, j] = queries[first + r] · bank[j]
//
// One workgroup: a tile of 32 queries × 32 rows of the bank, 32 columns at a time in workgroup memory; invocation (x, y)
// of 8×8 has queries x, x+8, x+16, x+24 (lanes) and rows y, y+8, y+16, y+24.
//
// Bindings: queries [Q, C], bank [M, C], similarities [rows, M] (written; the host bounds rows, not Q·M, in memory).
// Bytes: 4·(rows/32)·M·C·2 through the caches, 4·M·C at least; writes 4·rows·M. Operations: 2·rows·M·C.

struct Params {
  queries: u32,
  bank_rows: u32,
  dim: u32,
  // First query of this dispatch, and how many.
  first_row: u32,
  rows: u32,
  tiles: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> queries: array<f32>;
@group(0) @binding(2) var<storage, read> bank: array<f32>;
@group(0) @binding(3) var<storage, read_write> similarities: array<f32>;

const STRIDE = 9u;
var<workgroup> tile_q: array<vec4f, 32u * STRIDE>;
var<workgroup> tile_b: array<vec4f, 32u * STRIDE>;

fn query_value(row: u32, column: u32) -> f32 {
  if (row >= params.queries || column >= params.dim) {
    return 0.0;
  }
  return queries[row * params.dim + column];
}

fn bank_value(row: u32, column: u32) -> f32 {
  if (row >= params.bank_rows || column >= params.dim) {
    return 0.0;
  }
  return bank[row * params.dim + column];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let tile = workgroup.y * workgroups.x + workgroup.x;
  if (tile >= params.tiles) {
    return;
  }
  let x = lane % 8u;
  let y = lane / 8u;
  let first = 32u * tile;
  let block = params.first_row + 32u * workgroup.z;
  var sums = array<vec4f, 4>();
  for (var column = 0u; column < params.dim; column += 32u) {
    workgroupBarrier();
    for (var i = lane; i < 256u; i += 64u) {
      let row = i / 8u;
      let c = column + 4u * (i % 8u);
      let q = block + row;
      let b = first + row;
      tile_q[row * STRIDE + i % 8u] =
        vec4f(query_value(q, c), query_value(q, c + 1u), query_value(q, c + 2u), query_value(q, c + 3u));
      tile_b[row * STRIDE + i % 8u] =
        vec4f(bank_value(b, c), bank_value(b, c + 1u), bank_value(b, c + 2u), bank_value(b, c + 3u));
    }
    workgroupBarrier();
    for (var c = 0u; c < 8u; c++) {
      let q0 = tile_q[x * STRIDE + c];
      let q1 = tile_q[(x + 8u) * STRIDE + c];
      let q2 = tile_q[(x + 16u) * STRIDE + c];
      let q3 = tile_q[(x + 24u) * STRIDE + c];
      for (var j = 0u; j < 4u; j++) {
        let b = tile_b[(y + 8u * j) * STRIDE + c];
        sums[j] += vec4f(dot(q0, b), dot(q1, b), dot(q2, b), dot(q3, b));
      }
    }
  }
  for (var j = 0u; j < 4u; j++) {
    for (var i = 0u; i < 4u; i++) {
      let row = 32u * workgroup.z + x + 8u * i;
      let column = first + y + 8u * j;
      if (row < params.rows && column < params.bank_rows) {
        similarities[row * params.bank_rows + column] = sums[j][i];
      }
    }
  }
}
