/** Cross-entropy of classification: −log softmax of each label's logit, with its gradient and the label's rank. */
import text from '../../shaders/cross-entropy.wgsl';
import { expectNumber, expectWhole } from './checks.ts';
import type { DeviceArray } from './device-array.ts';
import { callOf } from './export-call.ts';
import type { Kernel } from './kernel.ts';
import { REDUCE_FILES } from './reduce-files.ts';
import { firstsOf, rowsOfCall } from './row-calls.ts';
import { LOSS_FILE } from './row-tiles.ts';
import { f32, grid, shaderOf } from './shader.ts';

export interface CrossEntropyArguments {
  /** [n, classes] */
  readonly logits: DeviceArray;
  /** The class of each row, whole numbers below `classes`; [n]. */
  readonly labels: ArrayLike<number>;
  readonly classes: number;
  /** What each row's gradient is multiplied with: 1/n of the whole batch for a mean loss. */
  readonly gradientScale: number;
  /** out [n]: −log softmax of the label's logit. */
  readonly loss: DeviceArray;
  /** out [n]: how many classes have a strictly larger logit than the label (whole numbers). */
  readonly rank: DeviceArray;
  /** out [n, classes]: gradientScale · (softmax − one-hot). It may be logits. */
  readonly dLogits: DeviceArray;
}

const shader = shaderOf(
  [...REDUCE_FILES, LOSS_FILE, { name: 'cross-entropy.wgsl', text }],
  ['read', 'read', 'write', 'write', 'write'],
);

export const crossEntropy: Kernel<
  CrossEntropyArguments,
  void,
  {
    crossEntropy(
      logits: number,
      labels: number,
      rows: number,
      classes: number,
      gradientScale: number,
      loss: number,
      rank: number,
      dLogits: number,
    ): void;
  }
> = {
  shaders: [shader],

  check({ logits, labels, classes, gradientScale, loss, rank, dLogits }, checks) {
    const rows = labels.length;
    expectNumber('gradientScale', gradientScale, true, 'finite');
    checks.matrix('logits', logits, rows, classes);
    checks.matrix('loss', loss, rows);
    checks.matrix('rank', rank, rows);
    checks.matrix('dLogits', dLogits, rows, classes);
    for (let r = 0; r < rows; r++) expectWhole(`label ${r}`, labels[r]!, 0, classes - 1);
  },

  webgpu({ logits, labels, classes, gradientScale, loss, rank, dLogits }, { at, upload, run }) {
    const rows = labels.length;
    if (rows === 0) return;
    const indices = upload('the labels', Uint32Array.from(labels));
    const buffers = [at(logits), indices, at(loss), at(rank), at(dLogits)];
    run([{ shader, parameters: [rows, classes, f32(gradientScale)], buffers, workgroups: grid(rows) }]);
  },

  wasm({ logits, labels, classes, gradientScale, loss, rank, dLogits }, call) {
    const { at, borrow, exports, share, threadsFor } = call;
    const rows = labels.length;
    // An exponential takes as long as two elements beside the one that is read and written.
    const most = rowsOfCall(rows, threadsFor(3 * rows * classes));
    borrow(4 * rows, `${rows} labels`, (indices, memory) => {
      new Uint32Array(memory, indices, rows).set(labels);
      share(
        firstsOf(rows, most).map((first) => {
          const [one, row] = [4 * first, 4 * first * classes];
          const results = [at(loss) + one, at(rank) + one, at(dLogits) + row] as const;
          const shape = [Math.min(most, rows - first), classes, gradientScale] as const;
          return callOf(exports.crossEntropy, at(logits) + row, indices + one, ...shape, ...results);
        }),
      );
    });
  },
};
