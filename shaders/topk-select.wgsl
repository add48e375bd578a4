// The kNN monitor (Wu et al., arXiv:1805.01978, section 3.4), second stage: for each query the k rows of the bank with the
// largest similarity, ties to the lower row, in no order (the host sorts the k that it reads).
//
// Radix selection, 8 bits at a time. Similarities become whole numbers of the same order (what is not a number counts as
// −∞); four histograms find the k-th largest. Where rows equal it of which not all fit, four more find the last one that does.
// Counts are whole numbers, so atomics leave the result exact; only places in the output depend on timing.
//
// Bindings: similarities [rows, ⌈M/4⌉ vec4] (bits of float32); written: indices [Q, k], values [Q, k] (bits of float32).
// Bytes: 20·rows·M (five passes, mostly from caches; nine where not all that tie fit) + 8·rows·k. Operations: about 50·rows·M on
// integers. One workgroup a query.

struct Params {
  rows: u32,
  bank_rows: u32,
  k: u32,
  // First query of this dispatch.
  first_row: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> similarities: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> indices: array<u32>;
@group(0) @binding(3) var<storage, read_write> values: array<u32>;

// The workgroup size: the host gives what the device allows (src/kernels/webgpu/variants.ts). No result depends on it.
override WIDTH: u32 = 64u;
var<workgroup> histogram: array<atomic<u32>, 256>;
// Sums of sixteen of it.
var<workgroup> sixteens: array<u32, 16>;
var<workgroup> taken: atomic<u32>;
// What selection has found so far: leading bits of the number sought, and how many of those with just these bits are wanted.
var<workgroup> found: u32;
var<workgroup> wanted: u32;
// Whether all of those with just these bits are wanted: 0 or 1.
var<workgroup> is_all: u32;

// Bits of a float32 → whole numbers of the same order; −0 counts as 0, NaN as −∞.
fn ordered(bits: u32) -> u32 {
  let size = bits & 0x7fffffffu;
  if (size > 0x7f800000u) {
    return 0x007fffffu;
  }
  if (size == 0u) {
    return 0x80000000u;
  }
  return select(bits | 0x80000000u, ~bits, bits > 0x7fffffffu);
}

// One of the steps: `found` and `wanted` grow by one digit of 8 bits. Digits are sought from the largest.
fn narrow(start: u32, lane: u32, shift: u32, by_index: bool, threshold: u32) {
  for (var i = lane; i < 256u; i += WIDTH) {
    atomicStore(&histogram[i], 0u);
  }
  workgroupBarrier();
  let prefix = found;
  // A shift by 32 would be a shift by 0.
  let above = select(0xffffffffu << (min(shift, 23u) + 8u), 0u, shift == 24u);
  for (var f = lane; f < (params.bank_rows + 3u) / 4u; f += WIDTH) {
    let four = similarities[start + f];
    for (var i = 0u; i < min(4u, params.bank_rows - 4u * f); i++) {
      let similarity = ordered(four[i]);
      // Lower rows are preferred: their complements are larger.
      let number = select(similarity, ~(4u * f + i), by_index);
      if ((!by_index || similarity == threshold) && (number & above) == prefix) {
        atomicAdd(&histogram[(number >> shift) & 255u], 1u);
      }
    }
  }
  workgroupBarrier();
  for (var i = lane; i < 16u; i += WIDTH) {
    var sum = 0u;
    for (var digit = 16u * i; digit < 16u * i + 16u; digit++) {
      sum += atomicLoad(&histogram[digit]);
    }
    sixteens[i] = sum;
  }
  workgroupBarrier();
  if (lane == 0u) {
    var left = wanted;
    var sixteen = 15u;
    for (; sixteen > 0u && sixteens[sixteen] < left; sixteen--) {
      left -= sixteens[sixteen];
    }
    var digit = 16u * sixteen + 15u;
    for (; digit > 16u * sixteen && atomicLoad(&histogram[digit]) < left; digit--) {
      left -= atomicLoad(&histogram[digit]);
    }
    found = prefix | (digit << shift);
    wanted = left;
    is_all = select(0u, 1u, atomicLoad(&histogram[digit]) == left);
  }
  workgroupBarrier();
}

@compute @workgroup_size(WIDTH)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = workgroup.y * workgroups.x + workgroup.x;
  if (row >= params.rows) {
    return;
  }
  let start = row * ((params.bank_rows + 3u) / 4u);
  if (lane == 0u) {
    found = 0u;
    wanted = params.k;
    atomicStore(&taken, 0u);
  }
  workgroupBarrier();
  for (var step = 0u; step < 4u; step++) {
    narrow(start, lane, 24u - 8u * step, false, 0u);
  }
  let threshold = found;
  var last = 0xffffffffu;
  if (workgroupUniformLoad(&is_all) == 0u) {
    if (lane == 0u) {
      found = 0u;
    }
    workgroupBarrier();
    for (var step = 0u; step < 4u; step++) {
      narrow(start, lane, 24u - 8u * step, true, threshold);
    }
    last = ~found;
  }
  let out = (params.first_row + row) * params.k;
  for (var f = lane; f < (params.bank_rows + 3u) / 4u; f += WIDTH) {
    let four = similarities[start + f];
    for (var i = 0u; i < min(4u, params.bank_rows - 4u * f); i++) {
      let bits = four[i];
      let similarity = ordered(bits);
      let j = 4u * f + i;
      if (similarity > threshold || (similarity == threshold && j <= last)) {
        let slot = atomicAdd(&taken, 1u);
        // As many as k by construction; the test keeps a wrong driver inside the row.
        if (slot < params.k) {
          indices[out + slot] = j;
          values[out + slot] = bits;
        }
      }
    }
  }
}
