/** The rows as `pretrain` understands them. */
import { expect, it } from 'vitest';
import { TABLES } from '../../src/ablate/tables.ts';
import { configOf } from '../../src/cli/ablation-run.ts';
import { describeDrawn } from '../../src/data/dataset.ts';

const SCALE = { batchSize: 64, groups: 4, epochs: 20 };
const GIVEN = [
  '--batch-size',
  '64',
  '--groups',
  '4',
  '--epochs',
  '20',
  '--arch',
  'resnet18',
  '--image-size',
  '16',
];

const data = await describeDrawn(2048, 64, 16, 0);

function configs(name: string) {
  const { rows } = TABLES.find((table) => table.name === name)!;
  const picked = ['mlp', 'augmentation', 'schedule', 'temperature'] as const;
  return Object.fromEntries(
    rows
      .filter(({ method }) => method === 'moco')
      .map(({ id, options }) => {
        const config = configOf([...GIVEN, ...options(SCALE), '--seed', '2'], data);
        expect(config).toMatchObject({ method: 'moco', arch: 'resnet18', imageSize: 16, seed: 2 });
        return [id, picked.map((setting) => (config as Readonly<Record<string, unknown>>)[setting])];
      }),
  );
}

it('Table 1 changes one thing after the other', () => {
  expect(configs('1')).toEqual({
    'moco-v1': [false, 'v1', 'step', 0.07],
    mlp: [true, 'v1', 'step', 0.2],
    aug: [false, 'v2', 'step', 0.07],
    'mlp-aug': [true, 'v2', 'step', 0.2],
    'mlp-aug-cos': [true, 'v2', 'cosine', 0.2],
  });
});

it('the temperatures change nothing else', () => {
  const rows = Object.values(configs('temperature'));
  expect(rows.map((row) => row.slice(0, 3))).toEqual(Array(6).fill([true, 'v1', 'step']));
  expect(rows.map((row) => row[3])).toEqual([0.07, 0.1, 0.2, 0.3, 0.4, 0.5]);
});

it('larger batches keep the size of their groups', () => {
  const long = TABLES.find(({ name }) => name === '2')!.rows.find(({ id }) => id === 'moco-v2-long')!;
  expect(configOf([...GIVEN, ...long.options(SCALE)], data)).toMatchObject({
    epochs: 80,
    batchSize: 64,
    groups: 4,
  });
  const options = TABLES.find(({ name }) => name === '3')!.rows.map((row) => row.options(SCALE).join(' '));
  expect(options.at(-1)).toBe('--preset simclr --warmup 0 --no-gradient-cache --batch-size 1024 --groups 64');
});
