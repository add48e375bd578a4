// What a step tells of itself, in one array that is small enough to read back:
//
//     summary ← [ Σ lossₙ / N,  100·#{rankₙ < 1} / N,  100·#{rankₙ < 5} / N,  Σ_c σ_c / C,  gate ]
//     σ_c² = Σₙ (dₙ_c − μ_c)² / N,   μ_c = Σₙ dₙ_c / N,   dₙ_c = qₙ_c − q₀_c
//
// Loss and accuracies of MoCo eq. (1); σ tells of collapse (SimSiam, arXiv:2011.10566, section 4.1). Deviations are from
// the first row before they are from the mean: rows that are all equal give exactly 0, and rows close to each other lose
// no digits to the size of their mean. The mean is known before squares are summed, as E[q²] − E[q]² would cancel.
//
// Bindings: loss [N], rank [N], query [N, C], gate [1] (as bits); written, as bits: summary [5].
// Bytes: 8·N·C + 8·N. Operations: 6·N·C. One workgroup; a lane a column, its rows in order, then lanes in a tree: the same
// bits on one device each time. Losses that are not finite make numbers that mean nothing; the gate is handed on as it is.
// reduce.wgsl is joined to it.

struct Params {
  rows: u32,
  dim: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> loss: array<f32>;
@group(0) @binding(2) var<storage, read> rank: array<f32>;
@group(0) @binding(3) var<storage, read> query: array<f32>;
@group(0) @binding(4) var<storage, read> gate: array<u32>;
@group(0) @binding(5) var<storage, read_write> summary: array<u32>;

// Sums have 256 lanes whatever the workgroup size, so that bits do not depend on it.
const LANES = 256u;
override WIDTH: u32 = 256u;

struct Sums {
  loss: f32,
  deviation: f32,
}

var<workgroup> sums: array<Sums, LANES>;

// Standard deviation of column c.
fn deviation(c: u32) -> f32 {
  let count = f32(params.rows);
  let first = query[c];
  var mean = 0.0;
  for (var n = 1u; n < params.rows; n++) {
    mean += query[n * params.dim + c] - first;
  }
  mean /= count;
  var variance = 0.0;
  for (var n = 0u; n < params.rows; n++) {
    let d = (query[n * params.dim + c] - first) - mean;
    variance += d * d;
  }
  return sqrt(variance / count);
}

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) lane: u32) {
  var best = 0u;
  var best5 = 0u;
  for (var n = lane; n < params.rows; n += WIDTH) {
    best += select(0u, 1u, rank[n] < 1.0);
    best5 += select(0u, 1u, rank[n] < 5.0);
  }
  best = sum_of_all(best, lane);
  best5 = sum_of_all(best5, lane);
  for (var l = lane; l < LANES; l += WIDTH) {
    var own = Sums(0.0, 0.0);
    for (var n = l; n < params.rows; n += LANES) {
      own.loss += loss[n];
    }
    for (var c = l; c < params.dim; c += LANES) {
      own.deviation += deviation(c);
    }
    sums[l] = own;
  }
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    for (var l = lane; l < half; l += WIDTH) {
      sums[l].loss += sums[l + half].loss;
      sums[l].deviation += sums[l + half].deviation;
    }
    workgroupBarrier();
  }
  if (lane == 0u) {
    let count = f32(params.rows);
    summary[0] = bitcast<u32>(sums[0].loss / count);
    summary[1] = bitcast<u32>(100.0 * f32(best) / count);
    summary[2] = bitcast<u32>(100.0 * f32(best5) / count);
    summary[3] = bitcast<u32>(sums[0].deviation / f32(params.dim));
    summary[4] = gate[0];
  }
}
