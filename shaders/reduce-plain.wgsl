// Part of reduce.wgsl for every device: one atomic an invocation.

fn put_largest(value: u32) {
  atomicMax(&reduced, value);
}

fn put_sum(value: u32) {
  atomicAdd(&reduced, value);
}
