// NT-Xent, third stage: V of its gradient over one split of the rows. Each row is a query, and a key of all others: with P the
// softmax of a row over the others,
//
//     Vᵢ = Σ_{j ≠ i, +} (Pᵢⱼ + Pⱼᵢ)·zⱼ,   Pᵢⱼ = exp(zᵢ·zⱼ/τ − lseᵢ)
//
// One workgroup: 32 rows × one split × 128 columns of V (more columns take more workgroups, each of which computes similarities
// again); invocations as in row-tiles.wgsl, which is joined to it with row-loads.wgsl, row-sums.wgsl and ntxent-rows.wgsl.
//
// Bindings: z [2N, C], lse [2N], weighted [rows of this dispatch, splits, C] (written).
// Bytes: 4·(2N/32)·2N·C·(2 + ⌈C/128⌉) through the caches, 8·N·C at least; writes 4·2N·splits·C.
// Operations: 4·(2N)²·C, half for similarities and half for V (C ≤ 128).

struct Params {
  // 2N
  rows: u32,
  dim: u32,
  // Rows in a split: a multiple of 32.
  split_rows: u32,
  splits: u32,
  // The first query of this dispatch.
  first_row: u32,
  inverse_temperature: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<storage, read> lse: array<f32>;
@group(0) @binding(3) var<storage, read_write> weighted: array<f32>;

fn lse_of(row: u32) -> f32 {
  return lse[min(row, params.rows - 1u)];
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let x = lane % 8u;
  let y = lane / 8u;
  let block = params.first_row + 32u * workgroup.x;
  let row = block + x;
  let split = workgroup.y;
  let columns = 128u * workgroup.z;
  let begin = split * params.split_rows;
  let end = min(begin + params.split_rows, params.rows);
  let own = vec4f(lse_of(row), lse_of(row + 8u), lse_of(row + 16u), lse_of(row + 24u));
  let one = vec4f(1.0);
  var v0 = array<vec4f, 4>();
  var v1 = array<vec4f, 4>();
  var v2 = array<vec4f, 4>();
  var v3 = array<vec4f, 4>();
  for (var first = begin; first < end; first += 32u) {
    let similarities = products(QUEUE, first, end, block, lane);
    for (var j = 0u; j < 4u; j++) {
      let negative = first + y + 8u * j;
      let logit = similarities[j] * params.inverse_temperature;
      let probabilities = exp(logit - own) + exp(logit - vec4f(lse_of(negative)));
      weights[(y + 8u * j) * 8u + x] = select(vec4f(), probabilities, is_negative(negative, row, end));
    }
    v0 = add_weighted(v0, one, first, end, columns, lane);
    v1 = add_weighted(v1, one, first, end, columns + 32u, lane);
    v2 = add_weighted(v2, one, first, end, columns + 64u, lane);
    v3 = add_weighted(v3, one, first, end, columns + 96u, lane);
  }
  put_weighted(v0, row, split, columns + 4u * y);
  put_weighted(v1, row, split, columns + 32u + 4u * y);
  put_weighted(v2, row, split, columns + 64u + 4u * y);
  put_weighted(v3, row, split, columns + 96u + 4u * y);
}
