/** target ← source [length], bit for bit. Nothing is written while gate[0] is 0; a gate at address 0 is open. */
export function copy(target: usize, source: usize, length: i32, gate: usize): void {
  if (gate != 0 && load<f32>(gate) == 0) return;
  memory.copy(target, source, (<usize>length) << 2);
}
