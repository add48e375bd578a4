import { readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MocoError } from '../../../src/errors.ts';
import type { ExternalData } from '../../../src/onnx/external-data.ts';
import { type Constant, type Graph, GraphBuilder, type Node } from '../../../src/onnx/graph.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import { encodeModel } from '../../../src/onnx/model.ts';
import { ModelProtoSchema, TensorProtoSchema } from '../../../src/onnx/onnx_pb.ts';

const reference = (name: string) =>
  readFileSync(new URL(`../../autodiff/references/operators/${name}.onnx`, import.meta.url));

/** What is said of the bytes, or null where they are taken; never another exception. */
function outcome(bytes: Uint8Array): string | null {
  try {
    importModel(bytes);
    return null;
  } catch (error) {
    if (error instanceof MocoError) return error.message;
    throw error;
  }
}

const node = (
  name: string,
  op: string,
  inputs: string[],
  outputs: string[],
  more: Partial<Node> = {},
): Node => ({
  name,
  op,
  domain: '',
  inputs,
  outputs,
  attributes: {},
  ...more,
});

function graphOf(nodes: readonly Node[], constants: Readonly<Record<string, Constant>> = {}): Graph {
  const g = new GraphBuilder('bad', 't');
  g.input('x', ['n', 4]);
  for (const [name, constant] of Object.entries(constants)) g.constant(name, constant);
  for (const each of nodes) g.node(each);
  g.output('y', ['n', 4]);
  return g.build();
}

const ints = (...values: bigint[]): Constant => ({
  type: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values),
});

describe.each([
  'multihead-attention-training',
  'batch-norm-training-opset14',
  'concat-parameter',
  'einsum',
  'pad-reflect-opset11',
])('bytes of %s', (name) => {
  const valid = reference(name);

  it('cut anywhere are refused', () => {
    fc.assert(
      fc.property(fc.nat(valid.length - 1), (length) => {
        expect(outcome(valid.subarray(0, length))).not.toBeNull();
      }),
      { numRuns: 150 },
    );
  });

  it('with bits flipped are refused or read, and never break', () => {
    const flip = fc.record({ at: fc.nat(valid.length - 1), bit: fc.nat(7) });
    fc.assert(
      fc.property(fc.array(flip, { minLength: 1, maxLength: 4 }), (flips) => {
        const bytes = new Uint8Array(valid);
        for (const { at, bit } of flips) bytes[at]! ^= 1 << bit;
        outcome(bytes);
      }),
      { numRuns: 400 },
    );
  });
});

describe('what is no valid model', () => {
  it.each<[string, Graph, string, RegExp]>([
    [
      'a cycle',
      graphOf([
        node('a', 'Add', ['x', 'v'], ['u']),
        node('b', 'Relu', ['u'], ['v']),
        node('c', 'Relu', ['v'], ['y']),
      ]),
      'model-invalid',
      /nodes form a cycle: a → b → a/,
    ],
    [
      'a node that reads itself',
      graphOf([node('a', 'Add', ['x', 'y'], ['y'])]),
      'model-invalid',
      /cycle: a → a/,
    ],
    [
      'a value of nobody',
      graphOf([node('a', 'Add', ['x', 'z'], ['y'])]),
      'model-invalid',
      /node a \(Add\) reads z/,
    ],
    [
      'an output of nobody',
      graphOf([node('a', 'Relu', ['x'], ['z'])]),
      'model-invalid',
      /output y is written by no/,
    ],
    [
      'a value written twice',
      graphOf([node('a', 'Relu', ['x'], ['y']), node('b', 'Tanh', ['x'], ['y'])]),
      'model-invalid',
      /y is written twice: by node a \(Relu\) and by node b \(Tanh\)/,
    ],
    [
      'an input written again',
      graphOf([node('a', 'Relu', ['x'], ['x'])]),
      'model-invalid',
      /x is written twice/,
    ],
    [
      'a custom domain',
      graphOf([node('a', 'Attention', ['x'], ['y'], { domain: 'com.microsoft' })]),
      'operator-unsupported',
      /node a: com.microsoft.Attention is no operator of ONNX itself/,
    ],
    [
      'a loop',
      graphOf([node('a', 'Loop', ['x'], ['y'])]),
      'operator-unsupported',
      /node a \(Loop\): control flow/,
    ],
    [
      'a scan',
      graphOf([node('a', 'Scan', ['x'], ['y'])]),
      'operator-unsupported',
      /node a \(Scan\): control flow/,
    ],
    [
      'an unknown operator',
      graphOf([node('a', 'Own', ['x'], ['y'])]),
      'operator-unsupported',
      /node a: operator Own/,
    ],
    [
      'a word of JavaScript',
      graphOf([node('a', 'constructor', ['x'], ['y'])]),
      'operator-unsupported',
      /constructor/,
    ],
    [
      'an old opset',
      { ...graphOf([node('a', 'Relu', ['x'], ['y'])]), opset: 6 },
      'operator-unsupported',
      /opset 6/,
    ],
    [
      'a new opset',
      { ...graphOf([node('a', 'Relu', ['x'], ['y'])]), opset: 24 },
      'operator-unsupported',
      /opset 24/,
    ],
    [
      'an absurd Expand',
      graphOf([node('a', 'Expand', ['x', 's'], ['y'])], { s: ints(2n ** 40n, 1n, 1n) }),
      'model-invalid',
      /node a \(Expand\): absurd shape/,
    ],
    [
      'an absurd ConstantOfShape',
      graphOf([node('a', 'ConstantOfShape', ['s'], ['z']), node('b', 'Add', ['x', 'z'], ['y'])], {
        s: ints(2n ** 31n, 4n),
      }),
      'model-invalid',
      /node a \(ConstantOfShape\): absurd shape/,
    ],
    [
      'an absurd Range',
      graphOf([node('a', 'Range', ['i', 's', 'j'], ['z']), node('b', 'Add', ['x', 'z'], ['y'])], {
        i: { ...ints(0n), shape: [] },
        s: { ...ints(2n ** 60n), shape: [] },
        j: { ...ints(1n), shape: [] },
      }),
      'operator-unsupported',
      /node a: operator Range/,
    ],
    [
      'an absurd input',
      {
        ...graphOf([node('a', 'Relu', ['x'], ['y'])]),
        inputs: [{ name: 'x', type: 'float32', shape: ['n', 2 ** 32] }],
      },
      'model-invalid',
      /input x: absurd shape/,
    ],
    [
      'a branch of nothing',
      graphOf([node('a', 'If', ['s'], ['y'])], { s: ints(1n) }),
      'model-invalid',
      /no branch for/,
    ],
    [
      'a constant of text',
      graphOf([
        node('a', 'Constant', [], ['z'], { attributes: { value_string: 'a' } }),
        node('b', 'Relu', ['x'], ['y']),
      ]),
      'operator-unsupported',
      /node a \(Constant\): holds value_string/,
    ],
  ])('is refused: %s', (_, graph, code, message) => {
    const read = () => importModel(encodeModel(graph));
    expect(read).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
    expect(read).toThrow(MocoError);
  });

  it('is refused: more nodes than any model has', () => {
    const chain = Array.from({ length: 100_001 }, (_, i) =>
      node(`${i}`, 'Relu', [i ? `v${i - 1}` : 'x'], [`v${i}`]),
    );
    expect(outcome(encodeModel(graphOf(chain)))).toMatch(/100001 nodes/);
  });

  it('nodes in any order are put in order, and deep chains too', () => {
    const chain = Array.from({ length: 5000 }, (_, i) =>
      node(`${i}`, 'Relu', [i ? `v${i - 1}` : 'x'], [`v${i}`]),
    );
    const { graph } = importModel(
      encodeModel(graphOf([...chain, node('y', 'Tanh', ['v4999'], ['y'])].toReversed())),
    );
    expect(graph.nodes.map(({ name }) => name)).toEqual([...chain.map(({ name }) => name), 'y']);
  });
});

describe('data beside the model', () => {
  const values = Float32Array.of(1, 2, 3, 4);
  /** x + w, where w lies outside. */
  const external = (fields: Readonly<Record<string, string>>): Uint8Array => {
    const graph = graphOf([node('a', 'Add', ['x', 'w'], ['y'])], {
      w: { type: 'float32', shape: [4], data: values },
    });
    const model = fromBinary(ModelProtoSchema, encodeModel(graph));
    const externalData = Object.entries(fields).map(([key, value]) => ({ key, value }));
    const outside = { name: 'w', dataType: 1, dims: [4n], dataLocation: 1, externalData };
    model.graph!.initializer = [create(TensorProtoSchema, outside)];
    return toBinary(ModelProtoSchema, model);
  };
  const file: ExternalData = (location, offset, length) => {
    expect(location).toBe('weights/model.data');
    return new Uint8Array([0, 0, ...new Uint8Array(values.buffer)]).subarray(offset, offset + length);
  };
  const place = { location: 'weights/model.data', offset: '2' };

  it('is read at its place', () => {
    const { weights } = importModel(external({ ...place, length: '16' }), { externalData: file });
    expect(weights.get('w')!.data).toEqual(values);
    expect(importModel(external(place), { externalData: file }).weights.get('w')!.data).toEqual(values);
  });

  it.each([
    '../secret',
    'a/../../secret',
    '/etc/passwd',
    'C:\\weights',
    'c:weights',
    '..\\secret',
    'a\\b',
    'a\0b',
    './a',
    'a//b',
    'a/',
    '',
    'https://example.com/a',
  ])('is not read from %j', (location) => {
    const never: ExternalData = () => {
      throw new Error('was read');
    };
    const read = () => importModel(external({ location }), { externalData: never });
    expect(read).toThrow(expect.objectContaining({ code: 'model-invalid' }));
    expect(read).toThrow(/tensor w: external data: its file .* is not a path inside the model's folder/);
  });

  it.each<[string, Readonly<Record<string, string>>]>([
    ['an offset below 0', { ...place, offset: '-2' }],
    ['an offset of no number', { ...place, offset: 'two' }],
    ['another length', { ...place, length: '15' }],
    ['more than there is', { ...place, offset: '4' }],
  ])('is refused: %s', (_, fields) => {
    expect(() => importModel(external(fields), { externalData: file })).toThrow(
      expect.objectContaining({
        code: 'model-invalid',
        message: expect.stringMatching(/tensor w: external data/),
      }),
    );
  });

  it('is refused where nothing reads it', () => {
    expect(() => importModel(external(place))).toThrow(/tensor w: its data lies outside the file/);
  });
});
