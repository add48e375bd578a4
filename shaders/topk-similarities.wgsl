// The kNN monitor (weighted nearest neighbors of Wu et al., arXiv:1805.01978, section 3.4), first of two stages: dot
// products of a block of queries with the bank.
//
//     s[r, j] = queries[first + r] · bank[j]
//
// One workgroup: a tile of 32 queries × 64 rows of the bank, 32 columns at a time in workgroup memory; invocation (x, y)
// of 8×8 has queries y, y+8, y+16, y+24 (lanes) and rows x, x+8, … x+56, so that neighbors write neighbors. From workgroup
// memory it takes 12 vec4 for 128 multiply-adds. row-loads.wgsl is joined to it.
//
// Bindings: queries [Q, C], bank [M, C], similarities [rows, 4·⌈M/4⌉] (written; the host bounds rows, not Q·M, in memory).
// Bytes: 4·(rows/32)·M·C·3/2 through the caches, 4·M·C at least; writes 4·rows·M. Operations: 2·rows·M·C.

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
@group(0) @binding(1) var<storage, read> queries: array<vec4f>;
@group(0) @binding(2) var<storage, read> bank: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> similarities: array<f32>;

// A row of a tile is 8 vec4 (32 columns) and one of padding, so that rows start in different banks.
const STRIDE = 9u;
const QUERIES = 32u;
const ROWS = 64u;
var<workgroup> tile_q: array<vec4f, QUERIES * STRIDE>;
var<workgroup> tile_b: array<vec4f, ROWS * STRIDE>;

// Four columns, 0 beyond the matrix: in one load where rows begin at multiples of four (`aligned`), else in two.
fn query_four(row: u32, column: u32, aligned: bool) -> vec4f {
  if (row >= params.queries || column >= params.dim) {
    return vec4f();
  }
  let i = row * params.dim + column;
  if (aligned) {
    return queries[i / 4u];
  }
  return within_row(shifted(queries[i / 4u], queries[i / 4u + 1u], i), column, params.dim);
}

fn bank_four(row: u32, column: u32, aligned: bool) -> vec4f {
  if (row >= params.bank_rows || column >= params.dim) {
    return vec4f();
  }
  let i = row * params.dim + column;
  if (aligned) {
    return bank[i / 4u];
  }
  return within_row(shifted(bank[i / 4u], bank[i / 4u + 1u], i), column, params.dim);
}

// A tile of 32 columns into workgroup memory.
fn load_tile(block: u32, first: u32, column: u32, x: u32, y: u32, aligned: bool) {
  for (var row = y; row < QUERIES; row += 8u) {
    tile_q[row * STRIDE + x] = query_four(block + row, column + 4u * x, aligned);
  }
  for (var row = y; row < ROWS; row += 8u) {
    tile_b[row * STRIDE + x] = bank_four(first + row, column + 4u * x, aligned);
  }
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
  let first = ROWS * tile;
  let block = params.first_row + QUERIES * workgroup.z;
  var sums = array<vec4f, 8>();
  for (var column = 0u; column < params.dim; column += 32u) {
    workgroupBarrier();
    if (params.dim % 4u == 0u) {
      load_tile(block, first, column, x, y, true);
    } else {
      load_tile(block, first, column, x, y, false);
    }
    workgroupBarrier();
    for (var c = 0u; c < 8u; c++) {
      let q0 = tile_q[y * STRIDE + c];
      let q1 = tile_q[(y + 8u) * STRIDE + c];
      let q2 = tile_q[(y + 16u) * STRIDE + c];
      let q3 = tile_q[(y + 24u) * STRIDE + c];
      for (var j = 0u; j < 8u; j++) {
        let b = tile_b[(x + 8u * j) * STRIDE + c];
        sums[j] += vec4f(dot(q0, b), dot(q1, b), dot(q2, b), dot(q3, b));
      }
    }
  }
  let stride = 4u * ((params.bank_rows + 3u) / 4u);
  for (var j = 0u; j < 8u; j++) {
    for (var i = 0u; i < 4u; i++) {
      let row = QUERIES * workgroup.z + y + 8u * i;
      let column = first + x + 8u * j;
      if (row < params.rows && column < params.bank_rows) {
        similarities[row * stride + column] = sums[j][i];
      }
    }
  }
}
