/** sum ← sum + x: gradients of the groups of a batch are added up in group order. */
export function accumulate(sum: usize, x: usize, length: i32): void {
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    v128.store(sum, f32x4.add(v128.load(sum), v128.load(x)));
    v128.store(sum, f32x4.add(v128.load(sum, 16), v128.load(x, 16)), 16);
    sum += 32;
    x += 32;
  }
  for (; i < length; i++) {
    store<f32>(sum, load<f32>(sum) + load<f32>(x));
    sum += 4;
    x += 4;
  }
}
