/** NT-Xent, the loss of SimCLR: each row is a query, and a key of all others; never a 2N×2N matrix in memory. */
import text from '../../shaders/ntxent.wgsl';
import gradientText from '../../shaders/ntxent-gradient.wgsl';
import lossText from '../../shaders/ntxent-loss.wgsl';
import rowsText from '../../shaders/ntxent-rows.wgsl';
import weightedText from '../../shaders/ntxent-weighted.wgsl';
import { MocoError } from '../errors.ts';
import { expectNumber, expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { firstsOf, rowsOfCall } from './row-calls.ts';
import {
  LOSS_FILE,
  queriesAtOnce,
  RANK_FILES,
  SUMS_FILE,
  splitQueue,
  TILE,
  TILE_FILES,
  undecidedWithin,
} from './row-tiles.ts';
import { type Dispatch, elements, f32, onDemand, shaderOf } from './shader.ts';

export interface NtXentArguments {
  /** [2N, C] unit rows: the first views of N images, then their second views. Rows i and i + N are positives of each other. */
  readonly z: DeviceArray;
  /** 2N: even, at most 2²⁰. */
  readonly rows: number;
  /** C */
  readonly dim: number;
  /** τ ≥ 1e-6. */
  readonly temperature: number;
  /** What the gradient of the sum of all losses is multiplied with: 1/2N for a mean loss. */
  readonly gradientScale: number;
  /** out [2N]: −log softmax of the positive among all rows but the row itself. */
  readonly loss: DeviceArray;
  /** out [2N]: how many of the 2N − 2 negatives have a strictly larger similarity than the positive (whole numbers). */
  readonly rank: DeviceArray;
  /** out [2N, C]: gradientScale · ∂(Σ loss)/∂z, of each row as a query and as a key of all others. Not z itself. */
  readonly dz: DeviceArray;
}

/** Rows whose gradients have their partial sums at once: enough workgroups to fill a GPU, and no more memory for more images. */
const AT_ONCE = 1024;

const rowsFile = { name: 'ntxent-rows.wgsl', text: rowsText };
const sums = onDemand(
  shaderOf([...RANK_FILES, ...TILE_FILES, rowsFile, { name: 'ntxent.wgsl', text }], ['read', 'write'], null),
);
const losses = shaderOf(
  [LOSS_FILE, { name: 'ntxent-loss.wgsl', text: lossText }],
  ['read', 'write', 'write', 'write', 'write'],
);
const weighted = onDemand(
  shaderOf(
    [...TILE_FILES, SUMS_FILE, rowsFile, { name: 'ntxent-weighted.wgsl', text: weightedText }],
    ['read', 'read', 'write'],
    null,
  ),
);
const gradient = shaderOf(
  [{ name: 'ntxent-gradient.wgsl', text: gradientText }],
  ['read', 'read', 'read', 'write'],
);

export const ntxent: Kernel<
  NtXentArguments,
  void,
  {
    ntxentSums(
      z: number,
      rows: number,
      dim: number,
      first: number,
      count: number,
      temperature: number,
      loss: number,
      rank: number,
      lse: number,
      miss: number,
      scratch: number,
    ): void;
    ntxentGradient(
      z: number,
      rows: number,
      dim: number,
      first: number,
      count: number,
      temperature: number,
      gradientScale: number,
      lse: number,
      miss: number,
      dz: number,
      scratch: number,
    ): void;
    /** Bytes. */
    ntxentScratch(count: number, dim: number): number;
  }
> = {
  shaders: [sums, losses, weighted, gradient],

  check({ z, rows, dim, temperature, gradientScale, loss, rank, dz }, checks) {
    expectWhole('the number of rows of z', rows, 0, 2 ** 20);
    if (rows % 2 !== 0) {
      throw new MocoError(
        'shape-mismatch',
        `z has ${rows} rows, but two views of each image are an even number`,
      );
    }
    expectNumber('temperature', temperature, temperature >= 1e-6, 'at least 1e-6');
    expectNumber('gradientScale', gradientScale, true, 'finite');
    checks.matrix('z', z, rows, dim);
    checks.matrix('loss', loss, rows);
    checks.matrix('rank', rank, rows);
    checks.matrix('dz', dz, rows, dim);
    if ([loss, rank, dz].includes(z)) {
      throw new MocoError(
        'usage',
        'a result of ntxent is z itself, which all rows are compared with: give it its own array',
      );
    }
  },

  /** The sums of all rows, then their gradients, a block of rows after the other where the scratch holds no more. */
  webgpu(args, { at, scratch, run }) {
    const { rows, dim, temperature, gradientScale } = args;
    if (rows === 0) return;
    const { splits, splitRows } = splitQueue(rows);
    const block = Math.min(queriesAtOnce(rows, dim, splits), AT_ONCE);
    const [z, dz] = [at(args.z), at(args.dz)];
    const state = scratch('the states of ntxent', 4 * rows * splits);
    const partial = scratch('the weighted sums of ntxent', block * splits * dim);
    const lse = scratch('the log-sum-exp of ntxent', rows);
    const miss = scratch('the negatives’ shares of ntxent', rows);
    const inverse = f32(1 / temperature);
    const dispatches: Dispatch[] = [
      {
        shader: sums,
        parameters: [rows, dim, splitRows, splits, inverse, f32(undecidedWithin(dim))],
        buffers: [z, state],
        workgroups: [Math.ceil(rows / TILE), splits],
      },
      {
        shader: losses,
        parameters: [rows, splits, inverse],
        buffers: [state, at(args.loss), at(args.rank), lse, miss],
        workgroups: elements(rows),
      },
    ];
    for (let first = 0; first < rows; first += block) {
      const count = Math.min(block, rows - first);
      dispatches.push(
        {
          shader: weighted,
          parameters: [rows, dim, splitRows, splits, first, inverse],
          buffers: [z, lse, partial],
          workgroups: [Math.ceil(count / TILE), splits, Math.ceil(dim / 128)],
        },
        {
          shader: gradient,
          parameters: [count * dim, first, rows, dim, splits, f32(gradientScale / temperature)],
          buffers: [partial, z, miss, dz],
          workgroups: elements(count * dim),
        },
      );
    }
    run(dispatches);
  },

  /** Two rounds of calls, each of some rows from multiples of 4 on: the gradient of a row needs the sums of all. */
  wasm(
    { z, rows, dim, temperature, gradientScale, loss, rank, dz },
    { at, exports, threadsFor, borrow, share },
  ) {
    if (rows === 0) return;
    // Whole fours: what lies behind the last row is read, and nothing is made of it.
    const padded = 4 * Math.ceil(rows / 4);
    const most = rowsOfCall(rows, threadsFor((rows * rows * dim) / 4));
    const firsts = firstsOf(rows, most);
    const bytes = exports.ntxentScratch(most, dim) >>> 0;
    borrow(
      8 * padded + firsts.length * bytes,
      `the scratch of ntxent for ${rows} rows of ${dim}`,
      (address) => {
        const [lse, miss] = [address, address + 4 * padded];
        const scratch = (part: number) => address + 8 * padded + part * bytes;
        const count = (first: number) => Math.min(most, rows - first);
        const matrix = [at(z), rows, dim] as const;
        const results = [at(loss), at(rank), lse, miss] as const;
        share(
          firsts.map((first, part) =>
            callOf(
              exports.ntxentSums,
              ...matrix,
              first,
              count(first),
              temperature,
              ...results,
              scratch(part),
            ),
          ),
        );
        const factors = [temperature, gradientScale, lse, miss, at(dz)] as const;
        share(
          firsts.map((first, part) =>
            callOf(exports.ntxentGradient, ...matrix, first, count(first), ...factors, scratch(part)),
          ),
        );
      },
    );
  },
};
