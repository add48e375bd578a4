/**
 * SimCLR: Chen, Kornblith, Norouzi, Hinton 2020, arXiv:2002.05709, the end-to-end mechanism that MoCo's note compares with
 * (Figure 1a): one encoder, both views of an image, and the other images of the batch as negatives. No queue, no keys.
 */
import type { DeviceArray } from '../kernels/device-array.ts';
import { STREAMS } from '../random.ts';
import type { OwnSettings, Settings } from '../settings/settings.ts';
import type { GroupRows, Method, Step } from './method.ts';

type SimclrSettings = Settings & OwnSettings<'method', 'simclr'>;

const VIEWS = [STREAMS.firstView, STREAMS.secondView];

export const simclr: Method<SimclrSettings> = {
  encoders: [{ name: 'encoder_q', learns: true }],
  viewsTogether: 2,
  reports: () => 2,
  /** All views but itself. */
  choices: ({ batchSize }) => 2 * batchSize - 1,
  positives: 'reports',
  together: ({ gradientCache }) => !gradientCache,
  state: () => ({ tensors: [], counters: [] }),

  /**
   * Algorithm 1. The loss is over all 2N embeddings, whose activations need not be there at once: first all groups are
   * encoded without keeping any, then each once more with its rows of the loss's gradient (GradCache, Gao, Zhang, Han,
   * Callan 2021, arXiv:2101.06983). That is exact where BatchNorm's statistics are a group's own.
   */
  async run(step) {
    const embeddings = step.batch('embeddings');
    const gradients = step.batch('gradients');
    const take = ({ embedding, positions }: GroupRows) => embeddings.put(embedding, positions);
    const all = () => contrast(step, embeddings.rows, gradients.rows);
    const gradient = ({ count, positions }: GroupRows) => {
      const dEmbedding = step.scratch('dEmbedding', count * step.dim);
      gradients.take(dEmbedding, positions);
      return dEmbedding;
    };
    if (!step.settings.gradientCache) return step.trainTogether('encoder_q', VIEWS, take, all, gradient);
    const encoded = step.forward('encoder_q', VIEWS, take).then(all);
    // BatchNorm's statistics were counted in the first pass.
    await step.train('encoder_q', VIEWS, encoded, gradient, { statistics: false });
  },
};

/** Equation (1), NT-Xent, of all 2N views: each is asked for the other view of its image, among 2N − 1. */
function contrast(step: Step<SimclrSettings>, embedding: DeviceArray, dEmbedding: DeviceArray): void {
  const { device, dim, settings } = step;
  const rows = VIEWS.length * settings.batchSize;
  const unit = step.scratch('unit', rows * dim);
  const norm = step.scratch('norm', rows);
  const dUnit = step.scratch('dUnit', rows * dim);
  const loss = step.scratch('loss', rows);
  const rank = step.scratch('rank', rows);
  device.l2norm({ x: embedding, y: unit, norm, rows, dim });
  device.ntxent({
    z: unit,
    rows,
    dim,
    temperature: settings.temperature,
    gradientScale: 1 / rows,
    loss,
    rank,
    dz: dUnit,
  });
  step.report(
    { loss, rank, embedding: unit },
    Uint32Array.from({ length: rows }, (_, row) => row),
  );
  device.l2normBackward({ y: unit, norm, dy: dUnit, dx: dEmbedding, rows, dim });
}
