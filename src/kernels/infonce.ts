/** InfoNCE, MoCo eq. (1): loss, gradient and rank of the positive in one pass over the queue, never forming N×(1+K). */
import text from '../../shaders/infonce.wgsl';
import combineText from '../../shaders/infonce-combine.wgsl';
import { expectNumber, expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { REDUCE_FILES } from './reduce-files.ts';
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
import { type Dispatch, f32, grid, shaderOf } from './shader.ts';

export interface InfoNceArguments {
  /** [N, C] unit rows. */
  readonly query: DeviceArray;
  /** [N, C] unit rows, the positives: row n belongs to query n. */
  readonly key: DeviceArray;
  /** [K, C] unit rows, the negatives. */
  readonly queue: DeviceArray;
  /** N */
  readonly rows: number;
  /** C */
  readonly dim: number;
  /** K, at least 1 */
  readonly queueSize: number;
  /** τ > 0. */
  readonly temperature: number;
  /** What each sample's gradient is multiplied with: 1/N of the whole batch for a mean loss. */
  readonly gradientScale: number;
  /** out [N]: −log softmax of the positive among (positive, K negatives). */
  readonly loss: DeviceArray;
  /** out [N, C]: gradientScale · ∂loss/∂query. */
  readonly dQuery: DeviceArray;
  /** out [N]: how many negatives have a strictly larger logit than the positive (whole numbers). */
  readonly rank: DeviceArray;
}

const shader = shaderOf(
  [...RANK_FILES, ...TILE_FILES, SUMS_FILE, { name: 'infonce.wgsl', text }],
  ['read', 'read', 'read', 'write', 'write'],
  null,
);
const combine = shaderOf(
  [...REDUCE_FILES, LOSS_FILE, { name: 'infonce-combine.wgsl', text: combineText }],
  ['read', 'read', 'read', 'write', 'write', 'write'],
);

export const infonce: Kernel<
  InfoNceArguments,
  void,
  {
    infonce(
      query: number,
      key: number,
      queue: number,
      rows: number,
      dim: number,
      queueSize: number,
      temperature: number,
      gradientScale: number,
      loss: number,
      dQuery: number,
      rank: number,
      scratch: number,
    ): void;
    /** Bytes. */
    infonceScratch(rows: number, dim: number): number;
  }
> = {
  shaders: [shader, combine],

  check(args, checks) {
    const { rows, dim, queueSize, temperature, gradientScale } = args;
    expectWhole('queueSize', queueSize, 1);
    expectNumber('temperature', temperature, temperature > 0, 'greater than 0');
    expectNumber('gradientScale', gradientScale, true, 'finite');
    checks.matrix('query', args.query, rows, dim);
    checks.matrix('key', args.key, rows, dim);
    checks.matrix('queue', args.queue, queueSize, dim);
    checks.matrix('loss', args.loss, rows);
    checks.matrix('dQuery', args.dQuery, rows, dim);
    checks.matrix('rank', args.rank, rows);
  },

  /** Both stages for all queries, a block of them after the other where the scratch holds no more. */
  webgpu(args, { at, scratch, run }) {
    const { rows, dim, queueSize, temperature, gradientScale } = args;
    if (rows === 0) return;
    const { splits, splitRows } = splitQueue(queueSize);
    const block = queriesAtOnce(rows, dim, splits);
    const [query, key, queue] = [at(args.query), at(args.key), at(args.queue)];
    const results = [at(args.loss), at(args.dQuery), at(args.rank)];
    // The partial sums between the two stages.
    const state = scratch('the states of infonce', 4 * block * splits);
    const weighted = scratch('the weighted sums of infonce', block * splits * dim);
    const dispatches: Dispatch[] = [];
    for (let first = 0; first < rows; first += block) {
      const count = Math.min(block, rows - first);
      const sizes = [first + count, dim, queueSize, splitRows, splits, first];
      dispatches.push(
        {
          shader,
          parameters: [...sizes, f32(1 / temperature), f32(undecidedWithin(dim))],
          buffers: [query, key, queue, state, weighted],
          workgroups: [Math.ceil(count / TILE), splits, Math.ceil(dim / 128)],
        },
        {
          shader: combine,
          parameters: [count, dim, splits, first, f32(gradientScale / temperature)],
          buffers: [state, weighted, key, ...results],
          workgroups: grid(count),
        },
      );
    }
    run(dispatches);
  },

  /** A query's results depend on no other query: calls take some each, from multiples of 4 on (see wasm/). */
  wasm(args, { at, exports, threadsFor, borrow, share }) {
    const { rows, dim, queueSize, temperature, gradientScale } = args;
    // Where a result goes into the queue, no query may be done before all have seen it.
    const inPlace = [args.loss, args.dQuery, args.rank].includes(args.queue);
    const threads = inPlace ? 1 : threadsFor((rows * dim * queueSize) / 4);
    const most = rowsOfCall(rows, threads);
    const firsts = firstsOf(rows, most);
    const bytes = exports.infonceScratch(most, dim) >>> 0;
    const shape = [dim, queueSize, temperature, gradientScale] as const;
    borrow(firsts.length * bytes, `the scratch of infonce for ${rows} queries of ${dim}`, (scratch) => {
      const calls = firsts.map((first, part) => {
        const row = 4 * first;
        const inputs = [at(args.query) + row * dim, at(args.key) + row * dim, at(args.queue)] as const;
        const results = [at(args.loss) + row, at(args.dQuery) + row * dim, at(args.rank) + row] as const;
        const count = Math.min(most, rows - first);
        return callOf(exports.infonce, ...inputs, count, ...shape, ...results, scratch + part * bytes);
      });
      share(calls);
    });
  },
};
