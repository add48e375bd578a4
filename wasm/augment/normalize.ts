/**
 * Bytes → float32 planes [3, height, width]: each by a table, as there are 3 · 256 different results.
 * @param tables float32 [3, 256]
 * @param flip other than 0 mirrors left to right
 */
export function normalize(
  pixels: usize,
  stride: usize,
  width: usize,
  height: i32,
  tables: usize,
  out: usize,
  flip: i32,
): void {
  const plane = (width * <usize>height) << 2;
  const step: isize = flip ? -4 : 4;
  for (let y = 0; y < height; y++) {
    for (let color: usize = 0; color < 3; color++) {
      const table = tables + (color << 10);
      let to = out + color * plane + (flip ? (width - 1) << 2 : 0);
      for (const end = pixels + width; pixels < end; pixels++) {
        store<f32>(to, load<f32>(table + ((<usize>load<u8>(pixels)) << 2)));
        to += step;
      }
      pixels += stride - width;
    }
    out += width << 2;
  }
}
