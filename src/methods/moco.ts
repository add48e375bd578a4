/**
 * Momentum Contrast: He, Fan, Wu, Xie, Girshick 2020, arXiv:1911.05722, whose sections and equations are named here.
 * MoCo v2 (arXiv:2003.04297) is the same method with other settings. Semantics of facebookresearch/moco.
 */
import type { DeviceArray } from '../kernels/device-array.ts';
import { STREAMS } from '../random.ts';
import type { OwnSettings, Settings } from '../settings/settings.ts';
import type { GroupRows, Method, Step } from './method.ts';
import { randomUnitRows } from './random-unit-rows.ts';
import { unitRows } from './unit-rows.ts';

type MocoSettings = Settings & OwnSettings<'method', 'moco'>;

export const moco: Method<MocoSettings> = {
  /** f_q learns from gradients. f_k follows it slowly, so that the keys of earlier steps stay comparable (3.2). */
  encoders: [
    { name: 'encoder_q', learns: true },
    { name: 'encoder_k', learns: false, startsAs: 'encoder_q' },
  ],

  /** The dictionary: a queue of keys, of which each step replaces the oldest (3.2). It begins with random ones. */
  state: ({ queueSize, dim, seed }) => ({
    tensors: [
      { name: 'queue', shape: [queueSize, dim], initial: () => randomUnitRows(queueSize, dim, seed) },
    ],
    counters: [{ name: 'queue_ptr', initial: 0, below: queueSize }],
  }),

  /** Equation (2): θk ← m·θk + (1 − m)·θq, with the θq of the step before. */
  begin({ device, parameters, settings, gate }) {
    device.ema({
      targets: parameters('encoder_k'),
      sources: parameters('encoder_q'),
      keep: settings.momentum,
      scale: 1 - settings.momentum,
      gate,
    });
  },
  changedByBegin: ['encoder_k'],

  reports: ({ symmetric }) => (symmetric ? 2 : 1),
  /** Its key, or one of the queue. */
  choices: ({ queueSize }) => 1 + queueSize,
  positives: 'keys',

  /** Algorithm 1: two views of each image; one is the query, the other its positive key. */
  async run(step) {
    const trained = directions(step.settings).map(({ query, key, keys }, number) => {
      const encoded = step.forward(
        'encoder_k',
        key,
        (group) => step.batch(keys).put(unitRows(step, 'key', group).unit, group.positions),
        // ShuffleBN (3.3): were a query and its key in one BatchNorm group, its statistics would tell which is the positive.
        step.settings.shuffle ? { order: step.permutation(number) } : {},
      );
      return step.train('encoder_q', query, encoded, (group) => contrast(step, group, keys, number));
    });
    await Promise.all(trained);
  },

  /** The keys go into the queue, in the place of the oldest. */
  commit({ device, state, settings, batch, dim, gate }) {
    const { queueSize, batchSize: rows } = settings;
    const queue = state.tensor('queue');
    for (const { keys } of directions(settings).toReversed()) {
      const pointer = state.counter('queue_ptr');
      device.enqueue({ queue, keys: batch(keys).rows, pointer, queueSize, rows, dim, gate });
      state.setCounter('queue_ptr', (pointer + rows) % queueSize);
    }
  },
};

/**
 * Which view is the query and which the key. The symmetric loss of the reference's CIFAR notebook has each view be the query
 * once, against the same queue, and sums both losses; the keys of first views are enqueued before those of second ones.
 */
function directions({ symmetric }: Pick<MocoSettings, 'symmetric'>) {
  const { firstView, secondView } = STREAMS;
  const asInPaper = { query: firstView, key: secondView, keys: 'keys' };
  const swapped = { query: secondView, key: firstView, keys: 'keys of first views' };
  return symmetric ? [asInPaper, swapped] : [asInPaper];
}

/**
 * Equation (1), InfoNCE, on the queries of a group: −log of the softmax of q·k₊/τ among 1 + K logits, of its own key k₊ and
 * of the K keys in the queue. Gives the gradient of the batch's mean loss with respect to the embeddings.
 */
function contrast(step: Step<MocoSettings>, group: GroupRows, keys: string, direction: number): DeviceArray {
  const { device, settings, dim } = step;
  const { count, positions } = group;
  const { unit: query, norm } = unitRows(step, 'query', group);
  const key = step.scratch('key', count * dim);
  step.batch(keys).take(key, positions);
  const loss = step.scratch('loss', count);
  const rank = step.scratch('rank', count);
  const dQuery = step.scratch('dQuery', count * dim);
  device.infonce({
    query,
    key,
    queue: step.state.tensor('queue'),
    rows: count,
    dim,
    queueSize: settings.queueSize,
    temperature: settings.temperature,
    gradientScale: 1 / settings.batchSize,
    loss,
    rank,
    dQuery,
  });
  const rows = positions.map((position) => direction * settings.batchSize + position);
  step.report({ loss, rank, embedding: query }, rows);
  const dEmbedding = step.scratch('dEmbedding', count * dim);
  device.l2normBackward({ y: query, norm, dy: dQuery, dx: dEmbedding, rows: count, dim });
  return dEmbedding;
}
