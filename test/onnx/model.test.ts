import { create, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MocoError } from '../../src/errors.ts';
import type { Attribute, Constant, ElementType, Graph } from '../../src/onnx/graph.ts';
import { decodeModel, encodeModel } from '../../src/onnx/model.ts';
import { ModelProtoSchema } from '../../src/onnx/onnx_pb.ts';
import { buildResNet } from '../../src/onnx/resnet.ts';

const CONSTANTS: Readonly<Record<ElementType, Constant>> = {
  float32: { type: 'float32', shape: [2, 2], data: Float32Array.of(1.5, -0, Number.NaN, 1e-40) },
  float64: { type: 'float64', shape: [2], data: Float64Array.of(0.1, Number.NEGATIVE_INFINITY) },
  int32: { type: 'int32', shape: [3], data: Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1) },
  int64: { type: 'int64', shape: [2], data: BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n) },
  uint8: { type: 'uint8', shape: [1, 3], data: Uint8Array.of(0, 127, 255) },
  bool: { type: 'bool', shape: [2], data: Uint8Array.of(0, 1) },
  float16: { type: 'float16', shape: [2], data: Uint16Array.of(0x3c00, 0x8001) },
  bfloat16: { type: 'bfloat16', shape: [1], data: Uint16Array.of(0x3f80) },
};

const ATTRIBUTES: Readonly<Record<string, Attribute>> = {
  int: -7,
  large: 2 ** 40,
  ints: [1, -2, 3],
  noInts: [],
  string: 'SAME_ÜPPER',
  float: { float: 0.5 },
  floats: { floats: [0.25, -1] },
  strings: { strings: ['a', '', 'ß'] },
  tensor: { tensor: CONSTANTS.int64 },
};

const GRAPH: Graph = {
  name: 'all',
  opset: 17,
  inputs: Object.keys(CONSTANTS).map((type) => ({
    name: `in.${type}`,
    type: type as ElementType,
    shape: ['batch', 3, 0],
  })),
  outputs: [{ name: 'out', type: 'float32', shape: [] }],
  constants: new Map([
    ...Object.entries(CONSTANTS),
    ['scalar', { type: 'float32', shape: [], data: Float32Array.of(3) }],
    ['empty', { type: 'float32', shape: [0, 5], data: new Float32Array(0) }],
  ]),
  nodes: [
    {
      name: 'n',
      op: 'Op',
      domain: '',
      inputs: ['in.float32', '', 'float32'],
      outputs: ['out'],
      attributes: {},
    },
    { name: 'm', op: 'Own', domain: 'com.example', inputs: [], outputs: ['x', 'y'], attributes: ATTRIBUTES },
  ],
};

describe('a model that is written and read again', () => {
  const read = decodeModel(encodeModel(GRAPH));

  it.each(Object.entries(ATTRIBUTES))('keeps attribute kind %s', (name, value) => {
    expect(read.nodes[1]!.attributes[name]).toEqual(value);
  });

  it.each([...GRAPH.constants])('keeps constant %s, bit for bit', (name, constant) => {
    const found = read.constants.get(name)!;
    expect({ type: found.type, shape: found.shape }).toEqual({ type: constant.type, shape: constant.shape });
    expect(found.data.constructor).toBe(constant.data.constructor);
    expect(bytesOf(found.data)).toEqual(bytesOf(constant.data));
  });

  it('keeps names, domains, empty inputs and dynamic sizes', () => {
    expect({
      ...read,
      constants: null,
      nodes: read.nodes.map((node) => ({ ...node, attributes: null })),
    }).toEqual({
      ...GRAPH,
      constants: null,
      nodes: GRAPH.nodes.map((node) => ({ ...node, attributes: null })),
    });
  });

  it('keeps a part of a larger buffer apart from the rest', () => {
    const data = Float32Array.of(9, 1, 2, 9).subarray(1, 3);
    const constants = new Map([['part', { type: 'float32', shape: [2], data } as const]]);
    expect(decodeModel(encodeModel({ ...GRAPH, constants })).constants.get('part')!.data).toEqual(
      Float32Array.of(1, 2),
    );
  });

  it('is read from a Buffer, whose slices are views', () => {
    const bytes = Buffer.from(encodeModel(GRAPH));
    expect(decodeModel(bytes)).toEqual(read);
  });

  it('keeps a ResNet', () => {
    const spec = {
      block: 'bottleneck',
      layers: [1, 1],
      planes: [2, 4],
      stem: 'imagenet',
      dim: 3,
      mlp: true,
    } as const;
    const { graph } = buildResNet(spec, 'batch', 32);
    // Float attributes are float32 in a file.
    const epsilon = { epsilon: { float: Math.fround(1e-5) } };
    const nodes = graph.nodes.map((node) =>
      node.op === 'BatchNormalization' ? { ...node, attributes: epsilon } : node,
    );
    expect(decodeModel(encodeModel(graph, { made: 'here' }))).toEqual({ ...graph, nodes });
  });

  it('refuses to write a sub-graph', () => {
    const node = { ...GRAPH.nodes[0]!, attributes: { body: { graph: GRAPH } } };
    expect(() => encodeModel({ ...GRAPH, nodes: [node] })).toThrow(/attribute body holds a sub-graph/);
  });
});

/** The model of one initializer, in the words of onnx.proto. */
function withInitializer(
  initializer: Record<string, unknown>,
  graph: Record<string, unknown> = {},
): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      opsetImport: [{ version: 17n }],
      graph: { name: 'g', initializer: [{ name: 'w', ...initializer }], ...graph },
    }),
  );
}

describe('tensors as listed values', () => {
  it.each([
    ['float32', 1, { floatData: [1.5, -2] }, Float32Array.of(1.5, -2)],
    ['float64', 11, { doubleData: [0.1, 2] }, Float64Array.of(0.1, 2)],
    ['int32', 6, { int32Data: [-5, 6] }, Int32Array.of(-5, 6)],
    ['int64', 7, { int64Data: [-5n, 2n ** 62n] }, BigInt64Array.of(-5n, 2n ** 62n)],
    ['uint8', 2, { int32Data: [0, 255] }, Uint8Array.of(0, 255)],
    ['bool', 9, { int32Data: [1, 0] }, Uint8Array.of(1, 0)],
  ])('reads %s', (type, dataType, values, data) => {
    const bytes = withInitializer({ dataType, dims: [2n], ...values });
    expect(decodeModel(bytes).constants.get('w')).toEqual({ type, shape: [2], data });
  });

  it('hides initializers that an old model lists among its inputs', () => {
    const tensorType = { elemType: 1, shape: { dim: [{ value: { case: 'dimValue', value: 1n } }] } };
    const input = ['x', 'w'].map((name) => ({
      name,
      type: { value: { case: 'tensorType', value: tensorType } },
    }));
    const bytes = withInitializer({ dataType: 1, dims: [1n], floatData: [1] }, { input });
    expect(decodeModel(bytes).inputs.map(({ name }) => name)).toEqual(['x']);
  });
});

describe('what is no model', () => {
  const valid = encodeModel(GRAPH);
  const refused = (bytes: Uint8Array): string => {
    try {
      decodeModel(bytes);
    } catch (error) {
      if (!(error instanceof MocoError) || error.code !== 'model-invalid') throw error;
      return error.message;
    }
    throw new Error('it was accepted');
  };
  /** The error's message, or what came out: never another exception. */
  const readOrRefuse = (bytes: Uint8Array): Graph | string => {
    try {
      return decodeModel(bytes);
    } catch (error) {
      if (error instanceof MocoError && error.code === 'model-invalid') return error.message;
      throw error;
    }
  };

  it('is refused when cut at any 50th byte', () => {
    for (let length = 0; length < valid.length; length += 50) {
      expect(refused(valid.subarray(0, length)), `${length} of ${valid.length} bytes`).not.toBe('');
    }
  });

  it('is refused, or read, and never breaks: bytes changed at random', () => {
    const change = fc.record({ at: fc.nat(valid.length - 1), value: fc.nat(255) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = valid.slice();
        for (const { at, value } of changes) bytes[at] = value;
        readOrRefuse(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused: random bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(refused(bytes)).not.toBe('');
      }),
      { numRuns: 1000 },
    );
  });

  it.each<[string, RegExp, Uint8Array]>([
    [
      'no graph',
      /has no graph/,
      toBinary(ModelProtoSchema, create(ModelProtoSchema, { opsetImport: [{ version: 17n }] })),
    ],
    [
      'no opset',
      /names no opset/,
      toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: { name: 'g' } })),
    ],
    [
      'only another domain’s opset',
      /names no opset/,
      toBinary(
        ModelProtoSchema,
        create(ModelProtoSchema, { opsetImport: [{ domain: 'x', version: 1n }], graph: {} }),
      ),
    ],
    ['external data', /outside the file/, withInitializer({ dataType: 1, dims: [1n], dataLocation: 1 })],
    [
      'an external path',
      /outside the file/,
      withInitializer({ dataType: 1, dims: [0n], externalData: [{ key: 'location', value: '/etc/passwd' }] }),
    ],
    [
      'text',
      /element type 8 is not supported/,
      withInitializer({ dataType: 8, dims: [1n] }, { node: [{ input: ['w'], output: ['y'] }] }),
    ],
    [
      'the same name twice',
      /two initializers are named "w"/,
      withInitializer(
        { dataType: 1, dims: [0n] },
        { initializer: [{ name: 'w' }, { name: 'w' }].map((w) => ({ ...w, dataType: 1, dims: [0n] })) },
      ),
    ],
    ['a negative size', /impossible shape/, withInitializer({ dataType: 1, dims: [-1n] })],
    [
      'an absurd size',
      /impossible shape/,
      withInitializer({ dataType: 1, dims: [2n ** 62n], floatData: [1] }),
    ],
    [
      'an absurd product',
      /impossible shape/,
      withInitializer({ dataType: 1, dims: [2n ** 50n, 2n ** 50n], floatData: [1] }),
    ],
    [
      'too few values',
      /needs 3 values, the file holds 2/,
      withInitializer({ dataType: 1, dims: [3n], floatData: [1, 2] }),
    ],
    [
      'half a value',
      /needs 1 values, the file holds a broken number/,
      withInitializer({ dataType: 1, dims: [1n], rawData: Uint8Array.of(1, 2, 3) }),
    ],
    [
      'an attribute of no type',
      /node n: attribute a has no value/,
      withInitializer({ dataType: 1, dims: [0n] }, { node: [{ name: 'n', attribute: [{ name: 'a' }] }] }),
    ],
    [
      'an attribute that should be a tensor',
      /node n: attribute a has no value/,
      withInitializer(
        { dataType: 1, dims: [0n] },
        { node: [{ name: 'n', attribute: [{ name: 'a', type: 4 }] }] },
      ),
    ],
    [
      'an input of no type',
      /value x: its type is missing/,
      withInitializer({ dataType: 1, dims: [0n] }, { input: [{ name: 'x' }] }),
    ],
    ...[-2n, 2n ** 62n].map((value): [string, RegExp, Uint8Array] => [
      `an input of size ${value}`,
      /value x: impossible size/,
      withInitializer(
        { dataType: 1, dims: [0n] },
        {
          input: [
            {
              name: 'x',
              type: {
                value: {
                  case: 'tensorType',
                  value: { elemType: 1, shape: { dim: [{ value: { case: 'dimValue', value } }] } },
                },
              },
            },
          ],
        },
      ),
    ]),
  ])('is refused: %s', (_, message, bytes) => {
    expect(refused(bytes)).toMatch(message);
  });

  it('reads the sub-graph of a node', () => {
    const g = { name: 'inner', node: [{ name: 'm', opType: 'Relu', input: ['w'], output: ['y'] }] };
    const bytes = withInitializer(
      { dataType: 1, dims: [0n] },
      { node: [{ name: 'n', opType: 'If', attribute: [{ name: 'body', type: 5, g }] }] },
    );
    const inner = { name: 'inner', opset: 17, inputs: [], outputs: [], constants: new Map() };
    const nodes = [{ name: 'm', op: 'Relu', domain: '', inputs: ['w'], outputs: ['y'], attributes: {} }];
    expect(decodeModel(bytes).nodes[0]!.attributes).toEqual({ body: { graph: { ...inner, nodes } } });
  });
});

function bytesOf(data: Constant['data']): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}
