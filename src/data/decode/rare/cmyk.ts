/** a·b / 255, rounded, as Pillow has it. */
function share(a: number, b: number): number {
  const product = a * b + 128;
  return ((product >> 8) + product) >> 8;
}

/** Ink to light, as Pillow's `convert('RGB')` does without a profile. */
export function putCmyk(
  data: Uint8Array,
  at: number,
  cyan: number,
  magenta: number,
  yellow: number,
  black: number,
): void {
  const light = 255 - black;
  data[at] = light - share(cyan, light);
  data[at + 1] = light - share(magenta, light);
  data[at + 2] = light - share(yellow, light);
}
