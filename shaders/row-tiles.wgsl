// Dot products of 32 queries with 32 rows, tile by tile in workgroup memory: the loops that InfoNCE and NT-Xent share. Joined to
// them (WGSL has no include), with row-loads.wgsl. One workgroup is 64 invocations; (x, y) of 8×8 has queries x, x+8, x+16, x+24
// (the lanes of a vec4) and rows y, y+8, y+16, y+24 of a tile.
//
// The kernel declares `params` with `rows` (of queries) and `dim`, and
//     fn row_of(source: u32, row: u32) -> u32      where a row of QUERY, KEY or QUEUE lies in its matrix
//     fn four_at(source: u32, i: u32) -> vec4f     values 4·i … 4·i + 3 of that matrix; any beyond its end
//
// Operations: 2·32·32·C a tile. An invocation loads C/8 vec4 of rows and C/8 of queries for it.

const QUERY = 0u;
const KEY = 1u;
const QUEUE = 2u;

// The bits that NaN and infinities have all set.
const EXPONENT = vec4u(0x7f800000u);
// A row of a tile is 8 vec4 (32 columns) and one of padding, so that rows start in different banks.
const STRIDE = 9u;
const CHUNK = 32u;

var<workgroup> queries: array<vec4f, 32u * STRIDE>;
var<workgroup> negatives: array<vec4f, 32u * STRIDE>;
var<workgroup> diagonal: array<vec4f, 8>;

// Four columns of a row; 0 from row `end` on and beyond the last column. In one load, for rows that begin at multiples of four.
fn aligned_four(source: u32, row: u32, column: u32, end: u32) -> vec4f {
  if (row >= end || column >= params.dim) {
    return vec4f();
  }
  return four_at(source, (row_of(source, row) * params.dim + column) / 4u);
}

// The same of any rows, in two loads.
fn four(source: u32, row: u32, column: u32, end: u32) -> vec4f {
  if (row >= end || column >= params.dim) {
    return vec4f();
  }
  let i = row_of(source, row) * params.dim + column;
  return within_row(shifted(four_at(source, i / 4u), four_at(source, i / 4u + 1u), i), column, params.dim);
}

// How many of the 256 fours of a chunk are aligned: all or none.
fn aligned_fours() -> u32 {
  return select(0u, 256u, params.dim % 4u == 0u);
}

// 32 rows × 32 columns of the negatives into workgroup memory. Of the two loops one has nothing to do.
fn load_negatives(first: u32, end: u32, column: u32, lane: u32) {
  let aligned = aligned_fours();
  for (var i = lane; i < aligned; i += 64u) {
    negatives[(i / 8u) * STRIDE + i % 8u] = aligned_four(QUEUE, first + i / 8u, column + 4u * (i % 8u), end);
  }
  for (var i = aligned + lane; i < 256u; i += 64u) {
    negatives[(i / 8u) * STRIDE + i % 8u] = four(QUEUE, first + i / 8u, column + 4u * (i % 8u), end);
  }
}

// The same of the queries, and of rows of `source` as negatives.
fn load_both(source: u32, first: u32, end: u32, block: u32, column: u32, lane: u32) {
  let aligned = aligned_fours();
  for (var i = lane; i < aligned; i += 64u) {
    let place = (i / 8u) * STRIDE + i % 8u;
    let c = column + 4u * (i % 8u);
    queries[place] = aligned_four(QUERY, block + i / 8u, c, params.rows);
    negatives[place] = aligned_four(source, first + i / 8u, c, end);
  }
  for (var i = aligned + lane; i < 256u; i += 64u) {
    let place = (i / 8u) * STRIDE + i % 8u;
    let c = column + 4u * (i % 8u);
    queries[place] = four(QUERY, block + i / 8u, c, params.rows);
    negatives[place] = four(source, first + i / 8u, c, end);
  }
}

// Dot products of 4 queries (lanes) with 4 rows (array) of `source`.
fn products(source: u32, first: u32, end: u32, block: u32, lane: u32) -> array<vec4f, 4> {
  let x = lane % 8u;
  let y = lane / 8u;
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var column = 0u; column < params.dim; column += CHUNK) {
    workgroupBarrier();
    load_both(source, first, end, block, column, lane);
    workgroupBarrier();
    for (var c = 0u; c < 8u; c++) {
      let q0 = queries[x * STRIDE + c];
      let q1 = queries[(x + 8u) * STRIDE + c];
      let q2 = queries[(x + 16u) * STRIDE + c];
      let q3 = queries[(x + 24u) * STRIDE + c];
      let n0 = negatives[y * STRIDE + c];
      let n1 = negatives[(y + 8u) * STRIDE + c];
      let n2 = negatives[(y + 16u) * STRIDE + c];
      let n3 = negatives[(y + 24u) * STRIDE + c];
      s0 += vec4f(dot(q0, n0), dot(q1, n0), dot(q2, n0), dot(q3, n0));
      s1 += vec4f(dot(q0, n1), dot(q1, n1), dot(q2, n1), dot(q3, n1));
      s2 += vec4f(dot(q0, n2), dot(q1, n2), dot(q2, n2), dot(q3, n2));
      s3 += vec4f(dot(q0, n3), dot(q1, n3), dot(q2, n3), dot(q3, n3));
    }
  }
  return array<vec4f, 4>(s0, s1, s2, s3);
}

// Similarities of the positives, by the same code as the negatives': query i and key i meet on the diagonal.
fn positives(block: u32, lane: u32) -> vec4f {
  let own = products(KEY, block, params.rows, block, lane);
  let x = lane % 8u;
  if (x == lane / 8u) {
    diagonal[x] = vec4f(own[0].x, own[1].y, own[2].z, own[3].w);
  }
  workgroupBarrier();
  return diagonal[x];
}
