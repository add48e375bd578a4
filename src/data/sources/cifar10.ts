import { MocoError } from '../../errors.ts';
import { joinPath } from '../../runtime/data-files.ts';
import type { Place } from '../find/place.ts';
import { type RecordsSpec, recordSource } from './records.ts';
import type { Source } from './source.ts';

const records = recordSource({
  kind: 'cifar10',
  title: 'CIFAR-10',
  train: /^data_batch_\d+\.bin$/,
  test: /^test_batch\.bin$/,
  expected: 'data_batch_*.bin',
  header: 1,
  label: 0,
  firstLabel: 0,
  classes: 'airplane automobile bird cat deer dog frog horse ship truck'.split(' '),
  side: 32,
});

/** CIFAR-10, its binary version. */
export const cifar10: Source<RecordsSpec> = {
  ...records,
  atPath: {
    claims: (place) =>
      records.atPath.claims(place) || place.files.includes('test_batch.bin') || isPythonVersion(place),
    async find(place) {
      if (isPythonVersion(place) && !records.atPath.claims(place)) {
        const batch = joinPath(place.path, 'data_batch_1');
        const advice = 'download the binary version (cifar-10-binary.tar.gz)';
        throw new MocoError('data-invalid', `${batch} is CIFAR-10's Python version: ${advice}`);
      }
      return records.atPath.find(place);
    },
  },
};

function isPythonVersion({ files }: Place): boolean {
  return files.includes('data_batch_1') && files.includes('batches.meta');
}
