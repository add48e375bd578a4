/** What a step tells of itself, in one array that is small enough to read back. */
import text from '../../shaders/summary.wgsl';
import { expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import type { Kernel } from './kernel.ts';
import { REDUCE_FILES } from './reduce-files.ts';
import { shaderOf } from './shader.ts';

/** Places in the summary. */
export const SUMMARY = {
  /** Mean of the losses. */
  loss: 0,
  /** Percent of rows whose rank is 0, and below 5. */
  acc1: 1,
  acc5: 2,
  /**
   * How far unit embeddings spread: the mean over dimensions of the standard deviation over the batch (divided by N, not
   * N − 1). About 1/√C when they cover the sphere evenly, 0 when they have collapsed (SimSiam, arXiv:2011.10566, 4.1).
   */
  embeddingStd: 3,
  /** gate[0] as it is now. */
  gate: 4,
} as const;
export const SUMMARY_LENGTH = 5;

export interface SummaryArguments {
  /** [N] */
  readonly loss: DeviceArray;
  /** [N] whole numbers, as `infonce` gives them. */
  readonly rank: DeviceArray;
  /** [N, C] unit rows. */
  readonly embedding: DeviceArray;
  /** [1] */
  readonly gate: DeviceArray;
  /** N and C */
  readonly rows: number;
  readonly dim: number;
  /** out [SUMMARY_LENGTH]: see SUMMARY. */
  readonly summary: DeviceArray;
}

const shader = shaderOf(
  [...REDUCE_FILES, { name: 'summary.wgsl', text }],
  ['read', 'read', 'read', 'read', 'write'],
  256,
);

export const summary: Kernel<
  SummaryArguments,
  void,
  {
    summary(
      loss: number,
      rank: number,
      embedding: number,
      gate: number,
      rows: number,
      dim: number,
      summary: number,
    ): void;
  }
> = {
  shaders: [shader],

  check({ loss, rank, embedding, gate, rows, dim, summary }, checks) {
    expectWhole('rows', rows, 1);
    checks.matrix('loss', loss, rows);
    checks.matrix('rank', rank, rows);
    checks.matrix('embedding', embedding, rows, dim);
    checks.gate(gate);
    checks.matrix('summary', summary, SUMMARY_LENGTH);
  },

  webgpu({ loss, rank, embedding, gate, rows, dim, summary }, { at, run }) {
    const buffers = [at(loss), at(rank), at(embedding), at(gate), at(summary)];
    run([{ shader, parameters: [rows, dim], buffers, workgroups: [1] }]);
  },

  wasm({ loss, rank, embedding, gate, rows, dim, summary }, { at, exports }) {
    exports.summary(at(loss), at(rank), at(embedding), at(gate), rows, dim, at(summary));
  },
};
