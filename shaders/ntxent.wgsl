// NT-Xent of SimCLR (arXiv:2002.05709, eq. (1)) over 2N rows, of which i and i ± N are the two views of an image, first of four
// stages:
//
//     Lᵢ = −log [ exp(zᵢ·z₊/τ) / Σ_{j ≠ i} exp(zᵢ·zⱼ/τ) ]
//
// All rows but i and its positive are negatives. As in infonce.wgsl everything is relative to the positive: aⱼ = (zᵢ·zⱼ − zᵢ·z₊)/τ,
// m = max(0, maxⱼ aⱼ), S = Σⱼ exp(aⱼ − m), L = m + ln(exp(−m) + S).
//
// This stage computes m, S and the rank of the positive over one split of the rows, carried along it (online softmax);
// ntxent-loss.wgsl puts splits together. ntxent-weighted.wgsl then computes similarities again, tile by tile, for the gradient.
//
// One workgroup: 32 rows as queries × one split; invocations as in row-tiles.wgsl, which is joined to it with row-loads.wgsl,
// ntxent-rows.wgsl, rank.wgsl and exact-sign.wgsl.
//
// Bindings: z [2N, C], state [2N, splits] (written).
// Bytes: 8·(2N/32)·2N·C through the caches, 8·N·C at least; writes 16·2N·splits. Operations: 2·(2N)²·C.

struct Params {
  // 2N
  rows: u32,
  dim: u32,
  // Rows in a split: a multiple of 32.
  split_rows: u32,
  splits: u32,
  inverse_temperature: f32,
  // A difference of dot products within it does not tell which is larger.
  margin: f32,
}

struct SplitState {
  m: f32,
  sum: f32,
  // How many negatives are nearer than the positive; bit 31: a logit was NaN or infinite.
  larger: u32,
  // zᵢ·z₊
  positive: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read_write> state: array<SplitState>;

var<workgroup> shared_vec: array<vec4f, 64>;
var<workgroup> shared_count: array<vec4u, 64>;

fn not_finite(x: vec4f) -> vec4u {
  return select(vec4u(), vec4u(1u), (bitcast<vec4u>(x) & EXPONENT) == EXPONENT);
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let x = lane % 8u;
  let y = lane / 8u;
  let block = 32u * workgroup.x;
  let row = block + x;
  let split = workgroup.y;
  let begin = split * params.split_rows;
  let end = min(begin + params.split_rows, params.rows);

  let positive = positives(block, lane);
  var m = vec4f();
  var sum = vec4f();
  var larger = vec4u();
  var bad = not_finite(positive);
  for (var first = begin; first < end; first += 32u) {
    var a = products(QUEUE, first, end, block, lane);
    var most = vec4f();
    for (var j = 0u; j < 4u; j++) {
      let negative = first + y + 8u * j;
      let counts = is_negative(negative, row, end);
      a[j] -= positive;
      larger += count_larger(a[j], row, negative, counts);
      a[j] *= params.inverse_temperature;
      most = max(most, select(vec4f(), a[j], counts));
      bad |= select(vec4u(), not_finite(a[j]), counts);
    }
    shared_vec[lane] = most;
    workgroupBarrier();
    for (var i = 0u; i < 8u; i++) {
      most = max(most, shared_vec[8u * i + x]);
    }
    let before = m;
    m = max(m, most);
    // WGSL's exp(0) need not be 1.
    sum *= select(exp(before - m), vec4f(1.0), before == m);
    for (var j = 0u; j < 4u; j++) {
      sum += select(vec4f(), exp(a[j] - m), is_negative(first + y + 8u * j, row, end));
    }
  }

  // S and the counts of the 8 invocations that share queries.
  workgroupBarrier();
  shared_vec[lane] = sum;
  shared_count[lane] = larger | (bad << vec4u(31u));
  workgroupBarrier();
  if (y == 0u) {
    sum = vec4f();
    larger = vec4u();
    bad = vec4u();
    for (var i = 0u; i < 8u; i++) {
      sum += shared_vec[8u * i + x];
      larger += shared_count[8u * i + x] & vec4u(0x7fffffffu);
      bad |= shared_count[8u * i + x] & vec4u(0x80000000u);
    }
    for (var i = 0u; i < 4u; i++) {
      if (row + 8u * i < params.rows) {
        state[(row + 8u * i) * params.splits + split] = SplitState(m[i], sum[i], larger[i] | bad[i], positive[i]);
      }
    }
  }
}
