/**
 * The two inner loops that InfoNCE, NT-Xent and kNN share, on tiles that fit the first-level cache.
 *
 * Layouts. `packed`: four rows woven together, 4 columns of row 0, the same 4 columns of row 1, of row 2, of row 3, then
 * the next 4 columns; so one pointer walks all four. Columns are padded with zeros to a multiple of 16 (`padded`).
 * `tile`: TILE rows one after the other, `padded` columns each. Similarities and weights: [TILE][4], a vector per tile
 * row with a lane per packed row, so a softmax over tile rows needs no work across lanes.
 *
 * The sum for one pair always runs in the same order (4 lanes over the columns, then lanes 0+2, 1+3, then both), whatever
 * else is in the call: a sample's result does not depend on its neighbors.
 */

/** Rows of a tile: 32 × 128 columns are 16 KiB, half of a first-level cache. */
export const TILE: i32 = 32;

/** Columns with padding. */
export function paddedColumns(columns: i32): i32 {
  return (columns + 15) & ~15;
}

/** Sums of the lanes of four vectors, as one vector. */
export function sumLanes4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** The upper two lanes in float64. */
export function promoteHigh(x: v128): v128 {
  return f64x2.promote_low_f32x4(v128.shuffle<f32>(x, x, 2, 3, 2, 3));
}

/** Bytes of rows in packed form. */
export function packedSize(rows: i32, columns: i32): usize {
  return <usize>((rows + 3) >> 2) * ((<usize>paddedColumns(columns)) << 4);
}

/** Weaves `rows` rows of `columns` into packed form at `target`, which is zero already. */
export function pack(source: usize, rows: i32, columns: i32, target: usize): void {
  for (let r = 0; r < rows; r++) {
    packRow(source, columns, target, r);
    source += (<usize>columns) << 2;
  }
}

/** Weaves one row into the place of row `r`. */
export function packRow(source: usize, columns: i32, target: usize, r: i32): void {
  const block = (<usize>paddedColumns(columns)) << 4;
  const to = target + <usize>(r >> 2) * block + ((<usize>(r & 3)) << 4);
  for (let c = 0; c < columns; c++) {
    store<f32>(to + ((<usize>(c >> 2)) << 6) + ((<usize>(c & 3)) << 2), load<f32>(source));
    source += 4;
  }
}

/** Copies `rows` ≤ TILE rows of `columns` to a tile with padding; the rest of the tile becomes zero. */
export function padTile(source: usize, rows: i32, columns: i32, tile: usize): void {
  const width = (<usize>columns) << 2;
  const stride = (<usize>paddedColumns(columns)) << 2;
  memory.fill(tile, 0, stride * TILE);
  for (let r = 0; r < rows; r++) memory.copy(tile + <usize>r * stride, source + <usize>r * width, width);
}

/** out [4]: the dot products of four packed rows with four others, row by row. */
export function dotPairs(a: usize, b: usize, padded: i32): v128 {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (let c = 0; c < padded; c += 4) {
    s0 = f32x4.add(s0, f32x4.mul(v128.load(a), v128.load(b)));
    s1 = f32x4.add(s1, f32x4.mul(v128.load(a, 16), v128.load(b, 16)));
    s2 = f32x4.add(s2, f32x4.mul(v128.load(a, 32), v128.load(b, 32)));
    s3 = f32x4.add(s3, f32x4.mul(v128.load(a, 48), v128.load(b, 48)));
    a += 64;
    b += 64;
  }
  return sumLanes4(s0, s1, s2, s3);
}

/**
 * out [TILE][4]: dot products of four packed rows with each row of a tile. Two tile rows at a time: 8 sums in registers,
 * 6 loads for 16 arithmetic instructions. Not unrolled: the optimizer would
 * weave two steps into one expression whose operands no longer fit the 15 registers that V8 has to give.
 */
export function dotTile(packed: usize, tile: usize, padded: i32, out: usize): void {
  const stride = (<usize>padded) << 2;
  for (let j = 0; j < TILE; j += 2) {
    let q = packed;
    let n = tile;
    let m = tile + stride;
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    for (let c = 0; c < padded; c += 4) {
      const x = v128.load(n);
      const y = v128.load(m);
      let w = v128.load(q);
      a0 = f32x4.add(a0, f32x4.mul(w, x));
      b0 = f32x4.add(b0, f32x4.mul(w, y));
      w = v128.load(q, 16);
      a1 = f32x4.add(a1, f32x4.mul(w, x));
      b1 = f32x4.add(b1, f32x4.mul(w, y));
      w = v128.load(q, 32);
      a2 = f32x4.add(a2, f32x4.mul(w, x));
      b2 = f32x4.add(b2, f32x4.mul(w, y));
      w = v128.load(q, 48);
      a3 = f32x4.add(a3, f32x4.mul(w, x));
      b3 = f32x4.add(b3, f32x4.mul(w, y));
      q += 64;
      n += 16;
      m += 16;
    }
    v128.store(out, sumLanes4(a0, a1, a2, a3));
    v128.store(out, sumLanes4(b0, b1, b2, b3), 16);
    out += 32;
    tile += stride << 1;
  }
}

/**
 * packed += weightsᵀ · tile: each of four packed rows gets Σⱼ weight[j][row]·tile[j]. The sum over the tile starts at zero
 * and is added as a whole, so rounding grows with TILE + K/TILE and not with K.
 */
export function addWeighted(weights: usize, tile: usize, padded: i32, packed: usize): void {
  const stride = (<usize>padded) << 2;
  for (let c = 0; c < padded; c += 8) {
    let n = tile;
    let p = weights;
    const end = weights + (TILE << 4);
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    let b0 = a0;
    let b1 = a0;
    let b2 = a0;
    let b3 = a0;
    while (p < end) {
      let x = v128.load(n);
      let y = v128.load(n, 16);
      let w = v128.load32_splat(p);
      a0 = f32x4.add(a0, f32x4.mul(w, x));
      b0 = f32x4.add(b0, f32x4.mul(w, y));
      w = v128.load32_splat(p, 4);
      a1 = f32x4.add(a1, f32x4.mul(w, x));
      b1 = f32x4.add(b1, f32x4.mul(w, y));
      w = v128.load32_splat(p, 8);
      a2 = f32x4.add(a2, f32x4.mul(w, x));
      b2 = f32x4.add(b2, f32x4.mul(w, y));
      w = v128.load32_splat(p, 12);
      a3 = f32x4.add(a3, f32x4.mul(w, x));
      b3 = f32x4.add(b3, f32x4.mul(w, y));
      n += stride;
      p += 16;
    }
    v128.store(packed, f32x4.add(v128.load(packed), a0));
    v128.store(packed, f32x4.add(v128.load(packed, 16), a1), 16);
    v128.store(packed, f32x4.add(v128.load(packed, 32), a2), 32);
    v128.store(packed, f32x4.add(v128.load(packed, 48), a3), 48);
    v128.store(packed, f32x4.add(v128.load(packed, 64), b0), 64);
    v128.store(packed, f32x4.add(v128.load(packed, 80), b1), 80);
    v128.store(packed, f32x4.add(v128.load(packed, 96), b2), 96);
    v128.store(packed, f32x4.add(v128.load(packed, 112), b3), 112);
    packed += 128;
    tile += 32;
  }
}

/** Σ aᵢ·bᵢ in float64: two lanes, then both, then an odd last one. */
export function dot64(a: usize, b: usize, length: i32): f64 {
  let sum = f64x2.splat(0);
  let i = 0;
  for (; i + 2 <= length; i += 2) {
    const x = f64x2.promote_low_f32x4(v128.load64_zero(a));
    const y = f64x2.promote_low_f32x4(v128.load64_zero(b));
    sum = f64x2.add(sum, f64x2.mul(x, y));
    a += 8;
    b += 8;
  }
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  if (i < length) total += <f64>load<f32>(a) * <f64>load<f32>(b);
  return total;
}
