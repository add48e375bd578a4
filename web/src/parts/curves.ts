/** The curves of a run: which there are, what is good in each, and where their numbers come from. */
import type { EpochEvent, KnnEvent, PretrainEvent, StepEvent } from '../moco-web.ts';
import type { Training } from '../training.ts';
import { Curve, type CurveOptions, type Points } from './curve.ts';

interface Kind extends CurveOptions {
  readonly points: (run: Training) => Points;
  readonly chance?: (run: Training) => number | null;
}

const percent = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} %`;
const short = (value: number) => String(Number(value.toPrecision(3))).replace('-', '−');
const round = (value: number) => `${short(value)} %`;
const LARGE = 220;
const SMALL = 110;

const ofSteps =
  (value: (event: StepEvent) => number) =>
  ({ steps }: Training): Points => ({ x: steps.map(({ step }) => step), y: steps.map(value) });

const isEpoch = (event: PretrainEvent): event is EpochEvent => event.type === 'epoch';
/** Of the backbone: what is taken away and searched with. */
const isKnn = (event: PretrainEvent): event is KnnEvent =>
  event.type === 'knn' && event.features === 'backbone';

const ofEpochs =
  (value: (event: EpochEvent) => number | null) =>
  ({ measurements }: Training): Points => {
    const known = measurements.filter(isEpoch).filter((event) => value(event) !== null);
    return { x: known.map(({ epoch }) => epoch), y: known.map((event) => value(event)!) };
  };

const PAIR: Kind = {
  title: 'How often it finds the pair',
  term: 'Accuracy of the (K+1)-way choice, top 1, over steps',
  good: 'Given one view of a photo, it picks the other among views of other photos. Higher is better; the dashed line is guessing.',
  height: LARGE,
  format: percent,
  tick: round,
  fromZero: true,
  points: ofSteps(({ acc1 }) => acc1),
  chance: ({ about }) => about?.chance?.acc1 ?? null,
};

const NEIGHBORS: Kind = {
  title: 'How often neighbors agree',
  term: 'kNN accuracy (k = 200, t = 0.1), top 1, over epochs',
  good: 'How often a photo is of the same folder as its nearest photos. The encoder never sees folders: what it gains here it has found by itself.',
  height: LARGE,
  format: percent,
  tick: round,
  fromZero: true,
  points: ({ measurements }) => {
    const known = measurements.filter(isKnn);
    return { x: known.map(({ epoch }) => epoch), y: known.map(({ top1 }) => top1) };
  },
  chance: ({ photos }) => mostCommon(photos.data.trainLabels),
};

const SMALLS: readonly Kind[] = [
  {
    title: 'Loss',
    term: 'InfoNCE in nats, over steps; ln(K+1) is chance',
    good: 'How surprised it is by the right answer. Lower is better, once the queue is full of real photos.',
    points: ofSteps(({ loss }) => loss),
    chance: ({ about }) => about?.chance?.loss ?? null,
    height: SMALL,
    format: short,
  },
  {
    title: 'Spread',
    term: 'Standard deviation of unit embeddings over the batch, mean over dimensions; 1/√dim when even',
    good: 'Near the dashed line, photos lie evenly apart. Near 0, all look the same to it: that would be a collapse.',
    points: ofSteps(({ embeddingStd }) => embeddingStd),
    chance: ({ config }) => 1 / Math.sqrt(config.dim),
    level: 'when even',
    height: SMALL,
    format: short,
    fromZero: true,
  },
  {
    title: 'Closeness of pairs',
    term: 'Alignment (arXiv:2005.10242): mean squared distance of positives, 0 to 4, over epochs',
    good: 'How far apart the two views of a photo lie. Lower is better, as long as the spread stays.',
    points: ofEpochs(({ alignment }) => alignment),
    height: SMALL,
    format: short,
    fromZero: true,
  },
  {
    title: 'Evenness',
    term: 'Uniformity (arXiv:2005.10242): log of the mean Gaussian potential, 0 down to −4, over epochs',
    good: 'How evenly all photos are spread. Lower is better: 0 where all lie in one place.',
    points: ofEpochs(({ uniformity }) => uniformity),
    height: SMALL,
    format: short,
  },
  {
    title: 'Learning rate',
    term: 'Learning rate of SGD, over steps',
    good: 'How large its steps are. It falls to nothing at the end, as planned.',
    points: ofSteps(({ lr }) => lr),
    height: SMALL,
    format: short,
    fromZero: true,
  },
  {
    title: 'Photos a second',
    term: 'Images of the batch over wall-clock seconds, everything included, over steps',
    good: 'How fast this machine is at it. Steady is good; a tab in the background may be slower.',
    points: ofSteps(({ imagesPerSecond }) => imagesPerSecond),
    height: SMALL,
    format: short,
    fromZero: true,
  },
];

/** Percent of the photos that are of the largest class: what answering nothing else would give. */
function mostCommon(labels: Int32Array | null): number | null {
  if (!labels) return null;
  const counts = new Map<number, number>();
  for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
  return (100 * Math.max(...counts.values())) / labels.length;
}

export class Curves {
  readonly large: readonly HTMLElement[];
  readonly small: readonly HTMLElement[];
  readonly #shown: readonly { readonly kind: Kind; readonly curve: Curve }[];

  constructor(labeled: boolean) {
    const large = labeled ? [PAIR, NEIGHBORS] : [PAIR];
    this.#shown = [...large, ...SMALLS].map((kind) => ({ kind, curve: new Curve(kind) }));
    const elements = this.#shown.map(({ curve }) => curve.element);
    this.large = elements.slice(0, large.length);
    this.small = elements.slice(large.length);
  }

  show(run: Training): void {
    for (const { kind, curve } of this.#shown) curve.show(kind.points(run), kind.chance?.(run) ?? null);
  }

  dispose(): void {
    for (const { curve } of this.#shown) curve.dispose();
  }
}
