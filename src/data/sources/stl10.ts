import { recordSource } from './records.ts';

/** STL-10, its binary version: labels lie in files of their own, and count from 1. */
export const stl10 = recordSource({
  kind: 'stl10',
  title: 'STL-10',
  train: /^train_X\.bin$/,
  test: /^test_X\.bin$/,
  expected: 'train_X.bin and train_y.bin',
  header: 0,
  label: (pixels) => pixels.replace('_X', '_y'),
  firstLabel: 1,
  classes: 'airplane bird car cat deer dog horse monkey ship truck'.split(' '),
  side: 96,
  columnMajor: true,
});
