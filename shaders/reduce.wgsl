// Whole numbers of the invocations of a workgroup, put together: their largest, and their sum (below 2^32). Both are exact
// in any order, so neither the size of the workgroup nor that of subgroups shows in a result; sums of float32 are not made
// this way. Joined to the kernels that reduce; `put_largest` and `put_sum` are those of reduce-subgroups.wgsl where the
// device has the feature, else of reduce-plain.wgsl.
//
// All invocations of a workgroup call together. Operations: one an invocation, and three barriers.

var<workgroup> reduced: atomic<u32>;

fn begin_reduction(lane: u32) {
  if (lane == 0u) {
    atomicStore(&reduced, 0u);
  }
  workgroupBarrier();
}

// All have put theirs before it is read, and all have read it before the next one begins.
fn end_reduction() -> u32 {
  workgroupBarrier();
  let result = atomicLoad(&reduced);
  workgroupBarrier();
  return result;
}

fn largest_of_all(value: u32, lane: u32) -> u32 {
  begin_reduction(lane);
  put_largest(value);
  return end_reduction();
}

fn sum_of_all(value: u32, lane: u32) -> u32 {
  begin_reduction(lane);
  put_sum(value);
  return end_reduction();
}
