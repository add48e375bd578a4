/** What a data set is told from anything else by, where callers give one. */
import { either, type Form, listOf, made, nothing, record, text, whole } from '../arguments.ts';
import type { DatasetDescription } from './dataset.ts';
import type { DatasetSpec } from './sources/source.ts';

export const DATASET: Form = made<DatasetDescription>(
  'what describeDataset, describeFiles or describeDrawn gave',
  {
    kind: text(),
    train: made<DatasetSpec>('a spec', { kind: text() }),
    test: either(record, nothing),
    trainLength: whole(0),
    testLength: whole(0),
    classes: listOf(text(), 'names'),
  },
);
