/** The measures that a report knows: how they are called, what is good, and what they are by chance. */
import type { RunRecord } from './run-record.ts';

export interface Measure {
  /** Its name in a step's line; of something measured between steps 'knn backbone' and the like, with the value's name. */
  readonly key: string;
  readonly title: string;
  readonly unit: '' | '%';
  /** One sentence for people who meet it for the first time. */
  readonly says: string;
  /** Values to compare with. */
  levels?(run: RunRecord): readonly Level[];
}

export interface Level {
  readonly value: number;
  readonly label: string;
}

/** Of step lines, in the order in which they are shown. */
const STEP_MEASURES: readonly Measure[] = [
  {
    key: 'loss',
    title: 'Loss',
    unit: '',
    says: 'How wrong the answers are. Below chance, something is learned; it may rise while the queue fills with real keys.',
    levels: (run) => choicesLevel(run, (choices) => Math.log(choices)),
  },
  {
    key: 'acc1',
    title: 'Finds the pair',
    unit: '%',
    says: 'How often the right answer ranks first among all choices (acc1).',
    levels: (run) => choicesLevel(run, (choices) => 100 / choices),
  },
  {
    key: 'embeddingStd',
    title: 'Spread of embeddings',
    unit: '',
    says: 'Near 1/√dim embeddings use all directions; near 0 they have collapsed to one point.',
    levels: ({ config: { dim } }) =>
      typeof dim === 'number' ? [{ value: 1 / Math.sqrt(dim), label: `1/√${dim}` }] : [],
  },
  { key: 'lr', title: 'Learning rate', unit: '', says: 'As the schedule has it.' },
  {
    key: 'imagesPerSecond',
    title: 'Images a second',
    unit: '',
    says: 'By the wall clock, everything included.',
  },
];

/** Accuracies by labels that training never saw, or by those that it learns from. */
const ACCURACIES: readonly Measure[] = [
  {
    key: 'knn backbone top1',
    title: 'kNN, backbone',
    says: 'Share of images whose nearest neighbors, by the features after the average pool, vote for their class.',
  },
  {
    key: 'knn head top1',
    title: 'kNN, head',
    says: 'The same by the embeddings after the projection head.',
  },
  {
    key: 'probe top1',
    title: 'Linear probe',
    says: 'Share of test images that a linear classifier on the features of now puts into their class.',
  },
  {
    key: 'test top1',
    title: 'Test split',
    says: 'Share of test images whose class is the first guess.',
  },
].map((measure): Measure => ({ ...measure, unit: '%', levels: classLevel }));

/** What else is measured between steps. */
const OTHERS: readonly Measure[] = [
  [
    'epoch alignment',
    'Alignment',
    'Mean squared distance of the two views of an image: 0 where they are the same.',
  ],
  ['epoch uniformity', 'Uniformity', 'How evenly embeddings lie on the sphere: the lower, the more so.'],
  [
    'epoch rankMe',
    'RankMe',
    'How many dimensions the embeddings of a batch take; near 1 they have collapsed.',
  ],
  ['epoch gradientNorm', 'Length of the gradient', 'Over all parameters, at the end of each epoch.'],
  ['epoch weightNorm', 'Length of the weights', 'Of all parameters together.'],
  ['epoch queueAge', 'Age of the queue', 'Steps since its oldest key was encoded.'],
].map(([key, title, says]): Measure => ({ key: key!, title: title!, unit: '', says: says! }));

/** Told by lines that are shown, or in the table of numbers alone. */
const WITHOUT_CURVE = /^(step|epoch|acc5|.* top5)$/;

/** The measures that one of the runs has, with those that are not known here by their names in the log. */
export function measuresOf(runs: readonly RunRecord[]): {
  accuracies: readonly Measure[];
  steps: readonly Measure[];
  others: readonly Measure[];
} {
  const keys = runs.flatMap(({ steps, measured }) => [
    ...[steps[0], steps.at(-1)].flatMap((line) => Object.keys(line ?? {})),
    ...measured.flatMap(({ what, values }) => Object.keys(values).map((name) => `${what} ${name}`)),
  ]);
  const found = new Set(keys.filter((key) => !WITHOUT_CURVE.test(key)));
  const known = (measures: readonly Measure[]) => measures.filter(({ key }) => found.delete(key));
  const [accuracies, steps, others] = [known(ACCURACIES), known(STEP_MEASURES), known(OTHERS)];
  const unknown = [...found].map((key): Measure => ({ key, title: key, unit: '', says: '' }));
  return { accuracies, steps, others: [...others, ...unknown] };
}

/** Among how many things the right one is to be found: MoCo 1 + K, SimCLR 2N − 1, with labels the classes. */
export function choicesOf({ config }: Pick<RunRecord, 'config'>): { count: number; said: string } | null {
  const { method, queueSize: k, batchSize: n, dim } = config;
  if (method === 'moco' && typeof k === 'number') return { count: k + 1, said: 'K+1' };
  if (method === 'simclr' && typeof n === 'number') return { count: 2 * n - 1, said: '2N−1' };
  if (method === 'supervised' && typeof dim === 'number') return { count: dim, said: 'classes' };
  return null;
}

function choicesLevel(run: RunRecord, by: (choices: number) => number): readonly Level[] {
  const choices = choicesOf(run);
  if (!choices) return [];
  const value = by(choices.count);
  const formula = value === Math.log(choices.count) ? `ln(${choices.said})` : `1 of ${choices.said}`;
  return [{ value, label: `chance, ${formula}` }];
}

function classLevel({ data }: RunRecord): readonly Level[] {
  const classes = data?.classes?.length ?? 0;
  return classes > 1 ? [{ value: 100 / classes, label: `chance, 1 of ${classes} classes` }] : [];
}

/** The values of a measure over the steps of a run. */
export function valuesOf(run: RunRecord, key: string): { steps: number[]; values: number[] } {
  const steps: number[] = [];
  const values: number[] = [];
  const add = (step: number, value: number | undefined) => {
    if (value === undefined) return;
    steps.push(step);
    values.push(value);
  };
  const cut = key.lastIndexOf(' ');
  if (cut < 0) for (const line of run.steps) add(line.step!, line[key]);
  else {
    const [what, name] = [key.slice(0, cut), key.slice(cut + 1)];
    for (const { what: is, step, values: at } of run.measured) if (is === what) add(step, at[name]);
  }
  return { steps, values };
}
