/**
 * Learning from labels: the baseline of Table 1 of MoCo v2 (arXiv:2003.04297), and fine-tuning, which begins with a learned
 * backbone. The head's one layer gives the logits of the classes.
 */
import { MocoError } from '../errors.ts';
import { STREAMS } from '../random.ts';
import type { Method } from './method.ts';
import { unitRows } from './unit-rows.ts';

export const supervised: Method = {
  encoders: [{ name: 'encoder_q', learns: true }],
  /** The classes. */
  choices: ({ dim }) => dim,
  state: () => ({ tensors: [], counters: [] }),

  /** Mean cross-entropy over the batch. */
  async run(step) {
    const { device, dim, settings } = step;
    await step.train('encoder_q', STREAMS.firstView, Promise.resolve(), (group) => {
      const { count, embedding: logits, positions, labels } = group;
      if (!labels)
        throw new MocoError('data-invalid', 'supervised learning needs classes: the data has none');
      const loss = step.scratch('loss', count);
      const rank = step.scratch('rank', count);
      const dLogits = step.scratch('dLogits', count * dim);
      step.batch('logits').put(logits, positions);
      const gradientScale = 1 / settings.batchSize;
      device.crossEntropy({ logits, labels, classes: dim, gradientScale, loss, rank, dLogits });
      step.report({ loss, rank, embedding: unitRows(step, 'unit', group).unit }, positions);
      return dLogits;
    });
  },
};
