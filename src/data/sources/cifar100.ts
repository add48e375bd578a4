import { recordSource } from './records.ts';

/** CIFAR-100, its binary version. Of its two labels the fine one counts. */
export const cifar100 = recordSource({
  kind: 'cifar100',
  title: 'CIFAR-100',
  train: /^train\.bin$/,
  test: /^test\.bin$/,
  expected: 'train.bin',
  header: 2, // coarse label, fine label
  label: 1,
  firstLabel: 0,
  classes: Array.from({ length: 100 }, (_, label) => `class ${label}`),
  side: 32,
});
