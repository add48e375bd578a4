// Part of reduce.wgsl for devices with the feature `subgroups`: one atomic a subgroup, whatever its size. It stands first in
// what is compiled, as `enable` has to.
enable subgroups;

fn put_largest(value: u32) {
  let largest = subgroupMax(value);
  if (subgroupElect()) {
    atomicMax(&reduced, largest);
  }
}

fn put_sum(value: u32) {
  let sum = subgroupAdd(value);
  if (subgroupElect()) {
    atomicAdd(&reduced, sum);
  }
}
