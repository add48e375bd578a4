import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runOnce, type Values } from '../../../src/encoder/run-gradient.ts';
import { MocoError } from '../../../src/errors.ts';
import { openTargets } from '../../../src/onnx/import/fixed-batch.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import { encodeModel } from '../../../src/onnx/model.ts';
import { expectClose } from '../../compare.ts';
import { generator, normals } from '../../kernels/inputs.ts';

const REFERENCES = new URL('../../autodiff/references/', import.meta.url);
const files = (folder: string) =>
  readdirSync(new URL(folder, REFERENCES))
    .filter((name) => name.endsWith('.onnx'))
    .map((name) => [name, readFileSync(new URL(`${folder}${name}`, REFERENCES))] as const);
const isFixed = (bytes: Uint8Array) => {
  try {
    return typeof importModel(bytes).input.shape[0] === 'number';
  } catch (error) {
    if (error instanceof MocoError) return false;
    throw error;
  }
};

/** The opened form on four images, and on the first two alone, against the form that says how it should be. */
async function expectOpened(bytes: Uint8Array, dynamic?: Uint8Array): Promise<void> {
  const fixed = importModel(dynamic ?? bytes);
  const opened = importModel(bytes, { batch: 'open' });
  expect(opened.input.shape).toEqual(['batch', ...fixed.input.shape.slice(1)]);
  const shape = fixed.input.shape.map((size) => (typeof size === 'number' ? size : 4));
  const values = normals(
    shape.reduce((product, size) => product * size, 1),
    generator(3),
  );
  const run = async ({ graph, input, weights, statistics }: typeof fixed, images: Values) => {
    const inputs = new Map<string, Values>([[input.name, images]]);
    for (const [name, { shape, data }] of [...weights, ...statistics]) {
      inputs.set(name, { shape, data: data as Float32Array });
    }
    return (await runOnce(graph, { provider: 'wasm' }, inputs)).get(graph.outputs[0]!.name)!;
  };
  const expected = await run(fixed, { shape, data: values });
  const largest = expected.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
  const tolerance = 64 * 2 ** -24 * largest;
  const all = await run(opened, { shape, data: values });
  expectClose('all images', all.data, expected.data, tolerance, expected.shape);
  const two = [2, ...shape.slice(1)];
  const length = two.reduce((product, size) => product * size, 1);
  const some = await run(opened, { shape: two, data: values.subarray(0, length) });
  expect(some.shape).toEqual([2, ...expected.shape.slice(1)]);
  expectClose('two images', some.data, expected.data.subarray(0, some.data.length), tolerance, some.shape);
}

describe('a model that was exported for one batch size', () => {
  const encoders = files('encoders/').filter(([, bytes]) => isFixed(bytes));
  it.each(encoders)('%s takes any batch', async (_, bytes) => expectOpened(bytes));

  /** The same network as a file would have it that was exported for one image. */
  const ofOne = (bytes: Uint8Array): Uint8Array => {
    const { graph, weights, statistics } = importModel(bytes, { batch: 1 });
    const constants = new Map([...graph.constants, ...weights, ...statistics]);
    return encodeModel({ ...graph, inputs: graph.inputs.slice(0, 1), constants });
  };
  const dynamic = files('encoders/').filter(([, bytes]) => !isFixed(bytes));
  it.each(dynamic)('%s takes any batch where it was exported for one image', async (_, bytes) => {
    expect(importModel(ofOne(bytes)).input.shape[0]).toBe(1);
    await expectOpened(ofOne(bytes), bytes);
  });

  it('of single operators: takes any batch, or says where the batch was lost', async () => {
    const opened: string[] = [];
    for (const [name, bytes] of files('operators/').filter(([, model]) => isFixed(model))) {
      try {
        importModel(bytes, { batch: 'open' });
      } catch (error) {
        expect(error, name).toMatchObject({ code: 'operator-unsupported' });
        expect((error as Error).message, name).toMatch(/export the model with dynamic_axes/);
        continue;
      }
      // Operators along the batch, such as a softmax, give the first images other values when the rest is missing.
      opened.push(name);
    }
    for (const name of ['view-fixed.onnx', 'channel-shuffle-fixed.onnx', 'conv-2d.onnx']) {
      expect(opened).toContain(name);
      await expectOpened(readFileSync(new URL(`operators/${name}`, REFERENCES)));
    }
  });
});

describe('the place of the batch in a Reshape', () => {
  it.each<[string, (string | number)[], number[], number[], number[][]]>([
    ['flattened behind', ['batch', 8, 2, 2], [4, 8, 2, 2], [4, 32], [[0, 32]]],
    ['merged with tokens behind', ['batch', 5, 6], [4, 5, 6], [20, 6], [[-1, 6]]],
    ['split from tokens behind', ['5*batch', 6], [20, 6], [4, 5, 6], [[-1, 5, 6]]],
    ['split from tokens before', ['5*batch', 6], [20, 6], [5, 4, 6], [[5, -1, 6]]],
    ['second, split into heads', [5, 'batch', 6], [5, 4, 6], [5, 12, 2], [[5, -1, 2]]],
    ['merged with tokens before, heads behind', [5, '3*batch', 2], [5, 12, 2], [20, 6], [[-1, 6]]],
    // Of one image: its own axis, or any axis that the batch can be merged into.
    [
      'of one image',
      ['batch', 8, 1, 1],
      [1, 8, 1, 1],
      [1, 8],
      [
        [0, 8],
        [1, -1],
      ],
    ],
    ['lost', [3, 'batch', 5], [3, 4, 5], [5, 12], []],
  ])('%s', (_, x, from, to, expected) => {
    expect(openTargets(x, from, to)).toEqual(expected);
  });
});
