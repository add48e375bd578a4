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
// It is joined to row-loads.wgsl, row-tiles.wgsl, row-sums.wgsl, rank.wgsl and exact-sign.wgsl.
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
@group(0) @binding(1) var<storage, read> query: array<vec4f>;
@group(0) @binding(2) var<storage, read> key: array<vec4f>;
@group(0) @binding(3) var<storage, read> queue: array<vec4f>;
@group(0) @binding(4) var<storage, read_write> state: array<SplitState>;
@group(0) @binding(5) var<storage, read_write> weighted: array<f32>;

var<workgroup> shared_vec: array<vec4f, 64>;
var<workgroup> shared_count: array<vec4u, 64>;

fn row_of(source: u32, row: u32) -> u32 {
  return row;
}

fn four_at(source: u32, i: u32) -> vec4f {
  if (source == QUERY) {
    return query[i];
  }
  if (source == KEY) {
    return key[i];
  }
  return queue[i];
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

  let positive = positives(block, lane);
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
        larger += count_larger(a[j], block + x, negative, vec4<bool>(negative < end));
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
