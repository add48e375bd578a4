/**
 * NT-Xent of SimCLR (arXiv:2002.05709, eq. (1)) over 2N rows, of which i and i ± N are the two views of an image:
 *
 *     Lᵢ = −log [ exp(zᵢ·z₊/τ) / Σ_{j ≠ i} exp(zᵢ·zⱼ/τ) ]
 *
 * All rows but i and its positive are negatives. Each row is a query, and a key of all others. With P the softmax of row i over
 * the others and 1 − P(positive) = Sᵢ/(exp(−m) + Sᵢ) =: missᵢ as in softmax.ts, the gradient of Σ L is
 *
 *     dzᵢ = 1/τ·[ Σ_{j ≠ i, +} (Pᵢⱼ + Pⱼᵢ)·zⱼ − (missᵢ + miss₊)·z₊ ],   Pᵢⱼ = exp(zᵢ·zⱼ/τ − lseᵢ),   lseᵢ = zᵢ·z₊/τ + Lᵢ
 *
 * Two passes: the sums of every row, then the gradients, which compute similarities again; they live in a tile of [32][4] and
 * never as 2N×2N. Floor: 6·(2N)²·C flop, a third of them each for the sums, the similarities and the gradient.
 */
import { exp4 } from './math';
import { beginFour, lossOf, negativesOf, positiveWeightOf, rankOf, STATE, softmaxTile } from './softmax';
import { addWeighted, dotTile, pack, packedSize, packRow, paddedColumns, padTile, TILE } from './vector';

/** Queries that share one pass over all rows: with their keys, or their gradient, they fill 256 KiB at C = 128. */
const QUERIES: i32 = 256;

/** In place of a similarity that does not count: it is no larger one, weighs nothing, and is finite at any τ ≥ 1e-8. */
const ABSENT: f32 = -1e30;

/**
 * z [rows, c] (unit rows; rows is even) → loss, rank, lse and miss [rows], of `count` rows from `first` on, a multiple of 4.
 * They depend on no other query. scratch: ntxentScratch(count, c) bytes, whatever they are.
 */
export function ntxentSums(
  z: usize,
  rows: i32,
  c: i32,
  first: i32,
  count: i32,
  temperature: f64,
  loss: usize,
  rank: usize,
  lse: usize,
  miss: usize,
  scratch: usize,
): void {
  const padded = paddedColumns(c);
  const stride = (<usize>padded) << 4;
  const packedBytes = packedSize(min(count, QUERIES), c);
  const q = scratch;
  const k = q + packedBytes;
  const scratchTile = k + packedBytes;
  const similarities = scratchTile + <usize>padded * TILE * 4;
  const states = similarities + TILE * 16;
  const end = first + count;
  for (let block = first; block < end; block += QUERIES) {
    const queries = min(end - block, QUERIES);
    memory.fill(scratch, 0, 2 * packedBytes);
    pack(rowAt(z, block, c), queries, c, q);
    for (let r = 0; r < queries; r++) packRow(rowAt(z, positiveOf(block + r, rows), c), c, k, r);
    for (let b = 0; b < queries; b += 4) {
      const at = <usize>(b >> 2);
      beginFour(states + at * STATE, q + at * stride, k + at * stride, padded, queries - b);
    }
    for (let start = 0; start < rows; start += TILE) {
      const valid = min(rows - start, TILE);
      const tile = tileAt(z, start, valid, c, scratchTile);
      for (let b = 0; b < queries; b += 4) {
        const at = <usize>(b >> 2);
        dotTile(q + at * stride, tile, padded, similarities);
        leaveOut(similarities, start, valid, block + b, rows);
        softmaxTile(
          q + at * stride,
          k + at * stride,
          tile,
          padded,
          valid,
          <f32>(1 / temperature),
          similarities,
          states + at * STATE,
        );
      }
    }
    for (let r = 0; r < queries; r++) {
      const own = states + <usize>(r >> 2) * STATE;
      const lane = r & 3;
      const at = (<usize>(block + r)) << 2;
      const value = lossOf(own, lane);
      const negatives = negativesOf(own, lane);
      store<f32>(loss + at, <f32>value);
      store<f32>(rank + at, rankOf(own, lane));
      store<f32>(lse + at, <f32>(<f64>load<f32>(own + ((<usize>lane) << 2)) / temperature + value));
      store<f32>(miss + at, <f32>(negatives / (positiveWeightOf(own, lane) + negatives)));
    }
  }
}

/** dz [rows, c], times gradientScale, of `count` rows from `first` on, a multiple of 4; lse and miss are those of all rows. */
export function ntxentGradient(
  z: usize,
  rows: i32,
  c: i32,
  first: i32,
  count: i32,
  temperature: f64,
  gradientScale: f64,
  lse: usize,
  miss: usize,
  dz: usize,
  scratch: usize,
): void {
  const padded = paddedColumns(c);
  const stride = (<usize>padded) << 4;
  const packedBytes = packedSize(min(count, QUERIES), c);
  const q = scratch;
  const sum = q + packedBytes;
  const scratchTile = sum + packedBytes;
  const similarities = scratchTile + <usize>padded * TILE * 4;
  const end = first + count;
  for (let block = first; block < end; block += QUERIES) {
    const queries = min(end - block, QUERIES);
    memory.fill(scratch, 0, 2 * packedBytes);
    pack(rowAt(z, block, c), queries, c, q);
    for (let start = 0; start < rows; start += TILE) {
      const valid = min(rows - start, TILE);
      const tile = tileAt(z, start, valid, c, scratchTile);
      const others = lse + ((<usize>start) << 2);
      for (let b = 0; b < queries; b += 4) {
        const at = <usize>(b >> 2);
        dotTile(q + at * stride, tile, padded, similarities);
        leaveOut(similarities, start, valid, block + b, rows);
        const own = v128.load(lse + ((<usize>(block + b)) << 2));
        probabilities(similarities, valid, <f32>(1 / temperature), own, others);
        addWeighted(similarities, tile, padded, sum + at * stride);
      }
    }
    for (let r = 0; r < queries; r++) {
      const row = block + r;
      const positive = positiveOf(row, rows);
      const pull =
        <f64>load<f32>(miss + ((<usize>row) << 2)) + <f64>load<f32>(miss + ((<usize>positive) << 2));
      const weighted = sum + <usize>(r >> 2) * stride + ((<usize>(r & 3)) << 4);
      const to = rowAt(dz, row, c);
      const key = rowAt(z, positive, c);
      for (let i = 0; i < c; i++) {
        const value = load<f32>(weighted + ((<usize>(i >> 2)) << 6) + ((<usize>(i & 3)) << 2));
        const at = (<usize>i) << 2;
        store<f32>(
          to + at,
          <f32>((<f64>value - pull * <f64>load<f32>(key + at)) * (gradientScale / temperature)),
        );
      }
    }
  }
}

/** Bytes of scratch for a call on `count` rows of c columns. */
export function ntxentScratch(count: i32, c: i32): usize {
  const queries = min(count, QUERIES);
  const states = <usize>((queries + 3) >> 2) * STATE;
  return 2 * packedSize(queries, c) + <usize>paddedColumns(c) * TILE * 4 + TILE * 16 + states;
}

function rowAt(matrix: usize, row: i32, c: i32): usize {
  return matrix + ((<usize>row * <usize>c) << 2);
}

/** The other view of the same image. */
function positiveOf(row: i32, rows: i32): i32 {
  const half = rows >> 1;
  return row < half ? row + half : row - half;
}

/** The rows from `start` on as a tile: where they lie, or padded in scratch. */
function tileAt(z: usize, start: i32, valid: i32, c: i32, scratchTile: usize): usize {
  const tile = rowAt(z, start, c);
  if (valid == TILE && c == paddedColumns(c)) return tile;
  padTile(tile, valid, c, scratchTile);
  return scratchTile;
}

/** A row is no negative of itself, nor is its positive: similarities of the four rows from `row` on with those of a tile. */
function leaveOut(similarities: usize, start: i32, valid: i32, row: i32, rows: i32): void {
  for (let lane = 0; lane < 4; lane++) {
    const own = row + lane - start;
    const positive = positiveOf(row + lane, rows) - start;
    const at = similarities + ((<usize>lane) << 2);
    if (own >= 0 && own < valid) store<f32>(at + ((<usize>own) << 4), ABSENT);
    if (positive >= 0 && positive < valid) store<f32>(at + ((<usize>positive) << 4), ABSENT);
  }
}

/** Similarities of a tile become Pᵢⱼ + Pⱼᵢ. Behind its last row they stay 0: rows of padding are zeros. */
function probabilities(
  similarities: usize,
  valid: i32,
  inverseTemperature: f32,
  own: v128,
  others: usize,
): void {
  const scale = f32x4.splat(inverseTemperature);
  for (let j = 0; j < valid; j++) {
    const logit = f32x4.mul(v128.load(similarities), scale);
    const other = v128.load32_splat(others + ((<usize>j) << 2));
    v128.store(similarities, f32x4.add(exp4(f32x4.sub(logit, own)), exp4(f32x4.sub(logit, other))));
    similarities += 16;
  }
}
