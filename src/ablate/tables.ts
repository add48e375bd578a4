/**
 * The tables of "Improved Baselines with Momentum Contrastive Learning" (Chen, Fan, Girshick, He 2020, arXiv:2003.04297) as
 * rows that can be run. The papers' numbers are of ResNet-50 on ImageNet.
 */
import type { Row, Scale, Table } from './table.ts';

const V1 = ['--preset', 'moco-v1'];
const V2 = ['--preset', 'moco-v2'];
/** With the MLP head the note takes τ = 0.2, its best; without it 0.07. */
const MLP = [...V1, '--mlp', '--temperature', '0.2'];
/** Groups of the batch have as many images in all rows. */
const times = (factor: number) => (scale: Scale) => [
  ...['--batch-size', String(factor * scale.batchSize)],
  ...['--groups', String(factor * scale.groups)],
];

/** SimCLR's own recipe; a run of less than 100 epochs warms up for a tenth of it instead of for 10 epochs. */
function simclr({ epochs }: Scale, factor = 1): string[] {
  const length = epochs === null ? null : epochs * factor;
  return [
    ...['--preset', 'simclr'],
    ...(length !== null && length < 100 ? ['--warmup', String(length / 10)] : []),
  ];
}

const longer = ({ epochs }: Scale, factor: number) => ['--epochs', String((epochs ?? 200) * factor)];

const TABLE_1: readonly Row[] = [
  {
    ...{ id: 'supervised', title: 'supervised', method: 'supervised' },
    options: () => ['--preset', 'supervised'],
    paper: { top1: 76.5, setting: '90 epochs' },
  },
  {
    ...{ id: 'moco-v1', title: 'MoCo v1', method: 'moco' },
    options: () => V1,
    paper: { top1: 60.6, setting: '200 epochs' },
  },
  {
    ...{ id: 'mlp', title: '+ MLP', method: 'moco' },
    options: () => MLP,
    paper: { top1: 66.2, setting: '200 epochs' },
  },
  {
    ...{ id: 'aug', title: '+ aug+', method: 'moco' },
    options: () => [...V1, '--aug-plus'],
    paper: { top1: 63.4, setting: '200 epochs' },
  },
  {
    ...{ id: 'mlp-aug', title: '+ MLP, aug+', method: 'moco' },
    options: () => [...MLP, '--aug-plus'],
    paper: { top1: 67.3, setting: '200 epochs' },
  },
  {
    ...{ id: 'mlp-aug-cos', title: '+ MLP, aug+, cos (MoCo v2)', method: 'moco' },
    options: () => V2,
    paper: { top1: 67.5, setting: '200 epochs' },
  },
];

const TABLE_2: readonly Row[] = [
  {
    ...{ id: 'simclr', title: 'SimCLR', method: 'simclr' },
    options: (scale) => simclr(scale),
    paper: { top1: 61.9, setting: 'batch 256, 200 epochs' },
  },
  {
    ...{ id: 'simclr-x4', title: 'SimCLR, batch × 4', method: 'simclr' },
    options: (scale) => [...simclr(scale), ...times(4)(scale)],
    paper: { top1: 66.6, setting: 'batch 8192, 200 epochs' },
  },
  {
    ...{ id: 'moco-v2', title: 'MoCo v2', method: 'moco' },
    options: () => V2,
    paper: { top1: 67.5, setting: 'batch 256, 200 epochs' },
  },
  {
    ...{ id: 'simclr-x4-long', title: 'SimCLR, batch × 4, epochs × 5', method: 'simclr' },
    options: (scale) => [...simclr(scale, 5), ...times(4)(scale), ...longer(scale, 5)],
    paper: { top1: 69.3, setting: 'batch 4096, 1000 epochs' },
  },
  {
    ...{ id: 'moco-v2-long', title: 'MoCo v2, epochs × 4', method: 'moco' },
    options: (scale) => [...V2, ...longer(scale, 4)],
    paper: { top1: 71.1, setting: 'batch 256, 800 epochs' },
  },
];

/** What a step takes does not depend on the learning rate, and one epoch has no room for a warm-up. */
const END_TO_END = ['--preset', 'simclr', '--warmup', '0'];

const TABLE_3: readonly Row[] = [
  {
    ...{ id: 'moco', title: 'MoCo', method: 'moco' },
    options: () => V2,
    paper: { gigabytes: 5, hours: 53, setting: 'batch 256' },
  },
  {
    ...{ id: 'end-to-end', title: 'end-to-end', method: 'simclr' },
    options: () => [...END_TO_END, '--no-gradient-cache'],
    paper: { gigabytes: 7.4, hours: 65, setting: 'batch 256' },
  },
  {
    ...{ id: 'end-to-end-cached', title: 'end-to-end, gradient cache', method: 'simclr' },
    options: () => [...END_TO_END, '--gradient-cache'],
    paper: null,
  },
  {
    ...{ id: 'end-to-end-x16-cached', title: 'end-to-end, batch × 16, gradient cache', method: 'simclr' },
    options: (scale) => [...END_TO_END, '--gradient-cache', ...times(16)(scale)],
    paper: null,
  },
  {
    ...{ id: 'end-to-end-x16', title: 'end-to-end, batch × 16', method: 'simclr' },
    options: (scale) => [...END_TO_END, '--no-gradient-cache', ...times(16)(scale)],
    paper: { gigabytes: 93, setting: 'batch 4096' },
  },
];

const TEMPERATURES = { 0.07: 62.9, 0.1: 64.9, 0.2: 66.2, 0.3: 65.7, 0.4: 65, 0.5: 64.3 };

const TEMPERATURE = Object.entries(TEMPERATURES).map(
  ([tau, top1]): Row => ({
    ...{ id: `tau-${tau}`, title: `τ = ${tau}`, method: 'moco' },
    options: () => [...MLP, '--temperature', tau],
    paper: { top1, setting: 'with MLP, 200 epochs' },
  }),
);

export const TABLES: readonly Table[] = [
  {
    name: '1',
    title: 'What makes MoCo v2',
    says: 'The MLP head, stronger augmentation and the cosine schedule, one by one (Table 1 of the note).',
    measures: 'accuracy',
    rows: TABLE_1,
  },
  {
    name: '2',
    title: 'MoCo v2 against SimCLR',
    says: 'A queue of keys against the other images of the batch, at several batch sizes (Table 2 of the note).',
    measures: 'accuracy',
    rows: TABLE_2,
  },
  {
    name: '3',
    title: 'What training takes',
    says: 'Memory and time of MoCo and of end-to-end training (Table 3 of the note; its own is without a gradient cache).',
    measures: 'cost',
    rows: TABLE_3,
  },
  {
    name: 'temperature',
    title: 'The temperature',
    says: 'τ of the loss, with the MLP head and the augmentation of v1 (section 3 of the note).',
    measures: 'accuracy',
    rows: TEMPERATURE,
  },
];
