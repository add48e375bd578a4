/** The k nearest rows by dot product: blocked products as in InfoNCE, and a heap of the best k for each query. */
import { allocate, free } from './memory';
import { dotTile, pack, paddedColumns, padTile, TILE } from './vector';

/** Queries that share one pass over the bank. */
const QUERIES: i32 = 64;

/**
 * queries [n, c], bank [m, c] → indices [n, k], similarities [n, k], best first, ties by lower index; 1 ≤ k ≤ m.
 * A similarity that is not a number counts as −∞. Returns 0 where there was no memory for scratch, else 1.
 */
export function topk(
  queries: usize,
  bank: usize,
  n: i32,
  m: i32,
  c: i32,
  k: i32,
  indices: usize,
  similarities: usize,
): i32 {
  const padded = paddedColumns(c);
  const packedStride = (<usize>padded) << 4;
  const packedBytes = <usize>((min(n, QUERIES) + 3) >> 2) * packedStride;
  const tileBytes = <usize>padded * TILE * 4;
  const scratch = allocate(packedBytes + tileBytes + TILE * 16);
  if (scratch == 0) return 0;
  const scratchTile = scratch + packedBytes;
  const products = scratchTile + tileBytes;
  for (let first = 0; first < n; first += QUERIES) {
    const rows = min(n - first, QUERIES);
    memory.fill(scratch, 0, packedBytes);
    pack(queries + ((<usize>first * <usize>c) << 2), rows, c, scratch);
    for (let start = 0; start < m; start += TILE) {
      const valid = min(m - start, TILE);
      let tile = bank + ((<usize>start * <usize>c) << 2);
      if (valid < TILE || c != padded) {
        padTile(tile, valid, c, scratchTile);
        tile = scratchTile;
      }
      for (let b = 0; b < rows; b += 4) {
        dotTile(scratch + <usize>(b >> 2) * packedStride, tile, padded, products);
        const kept = (<usize>(first + b) * <usize>k) << 2;
        const lanes = min(rows - b, 4);
        // Most tiles have nothing for most queries: see which at once, before going row by row.
        const wanted = start < k ? 15 : lanesAbove(products, valid, similarities + kept, k, lanes);
        for (let lane = 0; lane < lanes; lane++) {
          if ((wanted & (1 << lane)) == 0) continue;
          const offset = kept + ((<usize>lane * <usize>k) << 2);
          offer(similarities + offset, indices + offset, k, products + ((<usize>lane) << 2), start, valid);
        }
      }
    }
    for (let r = first; r < first + rows; r++) {
      const offset = (<usize>r * <usize>k) << 2;
      sort(similarities + offset, indices + offset, min(k, m));
    }
  }
  free(scratch);
  return 1;
}

/** A bit for each of four queries for which some product exceeds the worst that its heap holds. */
function lanesAbove(products: usize, valid: i32, roots: usize, k: i32, lanes: i32): i32 {
  let worst = f32x4.splat(f32.MAX_VALUE);
  const stride = (<usize>k) << 2;
  worst = f32x4.replace_lane(worst, 0, load<f32>(roots));
  if (lanes > 1) worst = f32x4.replace_lane(worst, 1, load<f32>(roots + stride));
  if (lanes > 2) worst = f32x4.replace_lane(worst, 2, load<f32>(roots + 2 * stride));
  if (lanes > 3) worst = f32x4.replace_lane(worst, 3, load<f32>(roots + 3 * stride));
  let above = i32x4.splat(0);
  for (let j = 0; j < valid; j++) {
    above = v128.or(above, f32x4.gt(v128.load(products + ((<usize>j) << 4)), worst));
  }
  return i32x4.bitmask(above);
}

/** Offers rows start … start + valid − 1 of the bank to one query's heap, whose root is the worst that is kept. */
function offer(values: usize, indices: usize, k: i32, products: usize, start: i32, valid: i32): void {
  for (let j = 0; j < valid; j++) {
    let value = load<f32>(products + ((<usize>j) << 4));
    const row = start + j;
    if (row < k) {
      if (value != value) value = -f32.MAX_VALUE * 2;
      siftUp(values, indices, row, value, row);
    } else if (value > load<f32>(values)) {
      // Rows come in rising order, so one that only equals the worst comes after it and loses the tie.
      siftDown(values, indices, k, value, row);
    }
  }
}

/** Is (value a, index a) worse than (value b, index b)? */
function worse(a: f32, ia: i32, b: f32, ib: i32): bool {
  return a < b || (a == b && ia > ib);
}

function siftUp(values: usize, indices: usize, hole: i32, value: f32, index: i32): void {
  while (hole > 0) {
    const parent = (<usize>((hole - 1) >> 1)) << 2;
    const other = load<f32>(values + parent);
    if (!worse(value, index, other, load<i32>(indices + parent))) break;
    put(values, indices, hole, other, load<i32>(indices + parent));
    hole = (hole - 1) >> 1;
  }
  put(values, indices, hole, value, index);
}

/** Replaces the root of a heap of `count`. */
function siftDown(values: usize, indices: usize, count: i32, value: f32, index: i32): void {
  let hole = 0;
  for (;;) {
    let child = 2 * hole + 1;
    if (child >= count) break;
    let at = (<usize>child) << 2;
    if (
      child + 1 < count &&
      worse(
        load<f32>(values + at, 4),
        load<i32>(indices + at, 4),
        load<f32>(values + at),
        load<i32>(indices + at),
      )
    ) {
      child += 1;
      at += 4;
    }
    const other = load<f32>(values + at);
    if (!worse(other, load<i32>(indices + at), value, index)) break;
    put(values, indices, hole, other, load<i32>(indices + at));
    hole = child;
  }
  put(values, indices, hole, value, index);
}

function put(values: usize, indices: usize, at: i32, value: f32, index: i32): void {
  store<f32>(values + ((<usize>at) << 2), value);
  store<i32>(indices + ((<usize>at) << 2), index);
}

/** Heap sort: the worst goes last, the best ends up first. */
function sort(values: usize, indices: usize, count: i32): void {
  for (let last = count - 1; last > 0; last--) {
    const at = (<usize>last) << 2;
    const value = load<f32>(values + at);
    const index = load<i32>(indices + at);
    put(values, indices, last, load<f32>(values), load<i32>(indices));
    siftDown(values, indices, last, value, index);
  }
}
