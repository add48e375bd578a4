// InfoNCE, MoCo eq. (1), section 3.1 (in 3.2 its negatives are the queue), first of two stages:
//
//     L = −log [ exp(q·k/τ) / (exp(q·k/τ) + Σⱼ exp(q·nⱼ/τ)) ]
//
// Everything is relative to the positive: aⱼ = (q·nⱼ − q·k)/τ. With m = max(0, maxⱼ aⱼ), S = Σⱼ exp(aⱼ − m) and
// V = Σⱼ exp(aⱼ − m)·nⱼ:   L = m + ln(exp(−m) + S),   ∂L/∂q = (V − S·k) / (τ·(exp(−m) + S)).
//
// This stage computes m, S, V and the rank of the positive over one split of the queue; infonce-combine.wgsl puts splits
// together in their order. m, S and V are carried along the split and rescaled when m grows (online softmax). Logits live
// in a tile of 32 negatives × 32 queries in workgroup memory, never as N×(1+K).
//
// One workgroup: 32 queries × one split × 128 columns of V (more columns take more workgroups, each of which computes the
// logits again; the first one writes m, S and rank). Invocation (x, y) of 8×8 has queries x, x+8, x+16, x+24 (the lanes of
// a vec4) and negatives y, y+8, y+16, y+24 of a tile; of V it has the same queries and 4 columns out of each 32.
//
// Bindings: query [N, C], key [N, C], queue [K, C], state [N, splits] (written), weighted [N, splits, C] (written).
// Bytes: 4·(N/32)·K·C·(2 + ⌈C/128⌉) through the caches, 4·K·C at least; writes 4·N·splits·(C + 4).
// Operations: 4·N·K·C, half for logits and half for V (C ≤ 128).

struct Params {
  rows: u32,
  dim: u32,
  queue_size: u32,
  // Rows of the queue in a split: a multiple of 32.
  split_rows: u32,
  splits: u32,
  // The first query of this dispatch; state and weighted hold its rows only.
  first_row: u32,
  inverse_temperature: f32,
  // A difference of dot products within it does not tell which is larger.
  margin: f32,
}

struct SplitState {
  m: f32,
  sum: f32,
  larger: u32,
  // Not 0 where a logit was NaN or infinite.
  bad: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> query: array<f32>;
@group(0) @binding(2) var<storage, read> key: array<f32>;
@group(0) @binding(3) var<storage, read> queue: array<f32>;
@group(0) @binding(4) var<storage, read_write> state: array<SplitState>;
@group(0) @binding(5) var<storage, read_write> weighted: array<f32>;

const EXPONENT = vec4u(0x7f800000u);
// A row of a tile is 8 vec4 (32 columns) and one of padding, so that rows start in different banks.
const STRIDE = 9u;
const CHUNK = 32u;

var<workgroup> queries: array<vec4f, 32u * STRIDE>;
var<workgroup> negatives: array<vec4f, 32u * STRIDE>;
// [negative][x]: logits' weights of queries x, x+8, x+16, x+24.
var<workgroup> weights: array<vec4f, 32u * 8u>;
var<workgroup> shared_vec: array<vec4f, 64>;
var<workgroup> shared_count: array<vec4u, 64>;

const QUERY = 0u;
const KEY = 1u;
const QUEUE = 2u;

// One value of a matrix [end, C]; 0 outside.
fn element(source: u32, row: u32, column: u32, end: u32) -> f32 {
  if (row >= end || column >= params.dim) {
    return 0.0;
  }
  let i = row * params.dim + column;
  if (source == QUERY) {
    return query[i];
  }
  if (source == KEY) {
    return key[i];
  }
  return queue[i];
}

fn four(source: u32, row: u32, column: u32, end: u32) -> vec4f {
  return vec4f(
    element(source, row, column, end),
    element(source, row, column + 1u, end),
    element(source, row, column + 2u, end),
    element(source, row, column + 3u, end),
  );
}

// 32 rows × 32 columns of the negatives (or keys), into workgroup memory.
fn load_negatives(source: u32, first: u32, end: u32, column: u32, lane: u32) {
  for (var i = lane; i < 256u; i += 64u) {
    negatives[(i / 8u) * STRIDE + i % 8u] = four(source, first + i / 8u, column + 4u * (i % 8u), end);
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
    for (var i = lane; i < 256u; i += 64u) {
      queries[(i / 8u) * STRIDE + i % 8u] = four(QUERY, block + i / 8u, column + 4u * (i % 8u), params.rows);
    }
    load_negatives(source, first, end, column, lane);
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
  load_negatives(QUEUE, first, end, column, lane);
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

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let x = lane % 8u;
  let y = lane / 8u;
  let block = params.first_row + 32u * workgroup.x;
  let split = workgroup.y;
  let columns = 128u * workgroup.z;
  let begin = split * params.split_rows;
  let end = min(begin + params.split_rows, params.queue_size);

  // Similarities of the positives, by the same code as the negatives': query i and key i meet on the diagonal.
  let own = products(KEY, block, params.rows, block, lane);
  if (x == y) {
    shared_vec[x] = vec4f(own[0].x, own[1].y, own[2].z, own[3].w);
  }
  workgroupBarrier();
  let positive = shared_vec[x];
  workgroupBarrier();

  var m = vec4f();
  var sum = vec4f();
  var larger = vec4u();
  var bad = vec4u();
  var v0 = array<vec4f, 4>();
  var v1 = array<vec4f, 4>();
  var v2 = array<vec4f, 4>();
  var v3 = array<vec4f, 4>();
  for (var first = begin; first < end; first += 32u) {
    var a = products(QUEUE, first, end, block, lane);
    var most = vec4f();
    for (var j = 0u; j < 4u; j++) {
      let negative = first + y + 8u * j;
      a[j] -= positive;
      if (workgroup.z == 0u) {
        larger += count_larger(a[j], block + x, negative, end);
      }
      a[j] *= params.inverse_temperature;
      if (negative < end) {
        most = max(most, a[j]);
        bad |= select(vec4u(), vec4u(1u), (bitcast<vec4u>(a[j]) & EXPONENT) == EXPONENT);
      }
    }
    shared_vec[lane] = most;
    workgroupBarrier();
    for (var i = 0u; i < 8u; i++) {
      most = max(most, shared_vec[8u * i + x]);
    }
    let before = m;
    m = max(m, most);
    // WGSL's exp(0) need not be 1.
    let factor = select(exp(before - m), vec4f(1.0), before == m);
    sum *= factor;
    for (var j = 0u; j < 4u; j++) {
      let valid = first + y + 8u * j < end;
      let weight = select(vec4f(), exp(a[j] - m), valid);
      sum += weight;
      weights[(y + 8u * j) * 8u + x] = weight;
    }
    v0 = add_weighted(v0, factor, first, end, columns, lane);
    v1 = add_weighted(v1, factor, first, end, columns + 32u, lane);
    v2 = add_weighted(v2, factor, first, end, columns + 64u, lane);
    v3 = add_weighted(v3, factor, first, end, columns + 96u, lane);
  }
  let row = block + x;
  put_weighted(v0, row, split, columns + 4u * y);
  put_weighted(v1, row, split, columns + 32u + 4u * y);
  put_weighted(v2, row, split, columns + 64u + 4u * y);
  put_weighted(v3, row, split, columns + 96u + 4u * y);

  // S and the counts of the 8 invocations that share queries.
  workgroupBarrier();
  shared_vec[lane] = sum;
  shared_count[lane] = larger | (bad << vec4u(31u));
  workgroupBarrier();
  if (y == 0u && workgroup.z == 0u) {
    sum = vec4f();
    larger = vec4u();
    bad = vec4u();
    for (var i = 0u; i < 8u; i++) {
      sum += shared_vec[8u * i + x];
      larger += shared_count[8u * i + x] & vec4u(0x7fffffffu);
      bad |= shared_count[8u * i + x] >> vec4u(31u);
    }
    for (var i = 0u; i < 4u; i++) {
      if (row + 8u * i < params.rows) {
        let at = (row + 8u * i - params.first_row) * params.splits + split;
        state[at] = SplitState(m[i], sum[i], larger[i], bad[i]);
      }
    }
  }
}
