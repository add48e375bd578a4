/** Files of torch.save, read and written: against what torch 1.13 said of them. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { float, OrderedDict, type Picklable } from '../../src/formats/pytorch/pickle.ts';
import { openPytorch } from '../../src/formats/pytorch/read.ts';
import { StoredTensor } from '../../src/formats/pytorch/values.ts';
import { writePytorch } from '../../src/formats/pytorch/write.ts';
import { openSource } from '../../src/runtime/byte-source.ts';
import { hasTorch, python, RECORDED } from './torch.ts';

interface Expected {
  readonly shape: readonly number[];
  readonly float: boolean;
  readonly values: readonly string[];
}

/** What Python calls a number, as the value that is held of it here. */
function held(text: string, isFloat: boolean): number | bigint {
  if (!isFloat) return BigInt(text === 'True' ? 1 : text === 'False' ? 0 : text);
  return Math.fround(Number(text.replace('inf', 'Infinity')));
}

async function expectRead(file: string, expected: Readonly<Record<string, Expected>>, format: string) {
  const source = await openSource(file);
  const opened = await openPytorch(source);
  expect(opened.format).toBe(format);
  const found = opened.value as ReadonlyMap<string, StoredTensor>;
  expect([...found.keys()]).toEqual(Object.keys(expected));
  for (const [name, { shape, float: isFloat, values }] of Object.entries(expected)) {
    const { dtype, shape: actual, data } = await opened.read(found.get(name)!);
    expect({ name, dtype, shape: actual, values: [...data] }).toEqual({
      ...{ name, dtype: isFloat ? 'F32' : 'I64', shape },
      values: values.map((text) => held(text, isFloat)),
    });
  }
  await source.close();
}

const folders: [string, string][] = [['recorded', fileURLToPath(RECORDED)]];
if (hasTorch) {
  const fresh = mkdtempSync(join(tmpdir(), 'moco-tensors-'));
  python('tensors.py', fresh);
  folders.push(['fresh from torch', fresh]);
}

describe.each(folders)('every kind of tensor, %s', (_, folder) => {
  const expected = JSON.parse(readFileSync(join(folder, 'tensors.json'), 'utf8'));
  it.each([
    ['zip', 'tensors.pth'],
    ['legacy', 'tensors-legacy.pth'],
  ])('%s', (format, file) => expectRead(join(folder, file), expected, format));
});

it('what is written is read back, and the same values are the same bytes', async () => {
  const weights = new OrderedDict();
  weights.set('w', { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1, -0, 3e-40, 4) });
  weights.set('n', { dtype: 'I64', shape: [1], data: BigInt64Array.of(-(2n ** 60n)), scalar: true });
  const value = new Map<string, Picklable>([
    ['epoch', 200],
    ['large', 2 ** 40],
    ['negative', -7],
    ['lr', float(0.03)],
    ['texts', ['é', null, true]],
    ['state_dict', weights],
  ]);
  const bytes = () => {
    const pieces: Uint8Array[] = [];
    writePytorch(value, (piece) => pieces.push(piece));
    return Buffer.concat(pieces);
  };
  expect(bytes().equals(bytes())).toBe(true);
  const opened = await openPytorch(await openSource(new Uint8Array(bytes())));
  const read = opened.value as ReadonlyMap<string, unknown>;
  expect(['epoch', 'large', 'negative', 'texts'].map((name) => read.get(name))).toEqual([
    200,
    2 ** 40,
    -7,
    ['é', null, true],
  ]);
  expect(await opened.number(read.get('lr') as StoredTensor)).toBe(0.03);
  const found = read.get('state_dict') as ReadonlyMap<string, StoredTensor>;
  expect(await opened.read(found.get('w')!)).toEqual(weights.get('w'));
  expect(await opened.read(found.get('n')!)).toEqual({
    dtype: 'I64',
    shape: [],
    data: BigInt64Array.of(-(2n ** 60n)),
  });
  expect(found.get('n')).toBeInstanceOf(StoredTensor);
});
