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
  for (let y = 0; y < height; y++) {
    for (let color: usize = 0; color < 3; color++) {
      const table = tables + (color << 10);
      const to = out + color * plane;
      let x: usize = 0;
      for (; x + 4 <= width; x += 4) {
        let values = v128.load32_zero(entry(table, pixels + x));
        values = v128.load32_lane(entry(table, pixels + x + 1), values, 1);
        values = v128.load32_lane(entry(table, pixels + x + 2), values, 2);
        values = v128.load32_lane(entry(table, pixels + x + 3), values, 3);
        if (flip) v128.store(to + ((width - 4 - x) << 2), v128.shuffle<f32>(values, values, 3, 2, 1, 0));
        else v128.store(to + (x << 2), values);
      }
      for (; x < width; x++) {
        const place = flip ? width - 1 - x : x;
        store<f32>(to + (place << 2), load<f32>(entry(table, pixels + x)));
      }
      pixels += stride;
    }
    out += width << 2;
  }
}

function entry(table: usize, pixel: usize): usize {
  return table + ((<usize>load<u8>(pixel)) << 2);
}
