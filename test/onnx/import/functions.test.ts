/** Models with functions of their own, as PyTorch's newer exporter writes modules and operators. */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import { runOnce } from '../../../src/encoder/run-gradient.ts';
import { GraphBuilder, type Node } from '../../../src/onnx/graph.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import { encodeModel } from '../../../src/onnx/model.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  ValueInfoProtoSchema,
} from '../../../src/onnx/onnx_pb.ts';
import { random } from '../../autodiff/run.ts';
import { expectClose } from '../../compare.ts';

type FunctionInit = MessageInitShape<typeof FunctionProtoSchema>;
const LIB = 'pkg.onnxscript.torch_lib';
const OPSET = 18n;
const call = (op: string, input: string[], output: string[], domain = '', attribute: AttributeProto[] = []) =>
  create(NodeProtoSchema, { opType: op, domain, input, output, attribute });
const int = (name: string, i: number) =>
  create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(i) });
const reference = (name: string, refAttrName: string, type = AttributeType.FLOAT) =>
  create(AttributeProtoSchema, { name, refAttrName, type });
const graphAttribute = (name: string, node: ReturnType<typeof call>, output: string) =>
  create(AttributeProtoSchema, {
    name,
    type: AttributeType.GRAPH,
    g: create(GraphProtoSchema, {
      name,
      node: [node],
      output: [create(ValueInfoProtoSchema, { name: output })],
    }),
  });

/** x [n, 4] → nodes → y, with functions. */
function modelOf(
  nodes: readonly Partial<Node>[],
  functions: readonly FunctionInit[],
  opset = OPSET,
): Uint8Array {
  const g = new GraphBuilder('dynamo');
  g.input('x', ['n', 4]);
  g.constant('w', { type: 'float32', shape: [4], data: Float32Array.of(1, -2, 3, 0.5) });
  for (const [i, node] of nodes.entries())
    g.node({ name: `n${i}`, op: '', domain: LIB, inputs: [], outputs: [], attributes: {}, ...node });
  g.output('y', ['n', 4]);
  const model = fromBinary(ModelProtoSchema, encodeModel({ ...g.build(), opset: Number(opset) }));
  model.functions = functions.map((each) =>
    create(FunctionProtoSchema, { domain: LIB, opsetImport: [{ domain: '', version: OPSET }], ...each }),
  );
  return toBinary(ModelProtoSchema, model);
}

/** alpha · x + w, the product by a function of its own; alpha is 3 unless somebody says otherwise. */
const SCALED: FunctionInit = {
  name: 'scaled',
  input: ['a', 'b'],
  output: ['r'],
  attribute: ['alpha'],
  attributeProto: [create(AttributeProtoSchema, { name: 'beta', type: AttributeType.FLOAT, f: 1 })],
  node: [
    call('Constant', [], ['k'], '', [reference('value_float', 'alpha')]),
    call('product', ['a', 'k'], ['t'], LIB),
    call('LeakyRelu', ['t'], ['l'], '', [reference('alpha', 'beta')]),
    call('Add', ['l', 'b'], ['r']),
  ],
};
const PRODUCT: FunctionInit = {
  name: 'product',
  input: ['p', 'q'],
  output: ['t'],
  node: [call('Mul', ['p', 'q'], ['t'])],
};

async function outputOf(bytes: Uint8Array) {
  const { graph, weights } = importModel(bytes);
  const x = random([3, 4], 1);
  const given = new Map([['x', x]]);
  for (const [name, { shape, data }] of weights)
    given.set(name, { shape: [...shape], data: data as Float32Array });
  const { data } = (await runOnce(graph, { provider: 'wasm' }, given)).get('y')!;
  return { x: x.data, y: data, weights, ops: graph.nodes.map(({ op }) => op) };
}

describe('functions of a model', () => {
  it('are written out, within each other, with their attributes and defaults; weights keep their names', async () => {
    const bytes = modelOf(
      [
        { op: 'scaled', inputs: ['x', 'w'], outputs: ['t'], attributes: { alpha: { float: 3 } } },
        {
          op: 'scaled',
          inputs: ['t', 'w'],
          outputs: ['y'],
          attributes: { alpha: { float: 2 }, beta: { float: 0 } },
        },
      ],
      [SCALED, PRODUCT],
    );
    const { x, y, weights } = await outputOf(bytes);
    expect([...weights.keys()]).toEqual(['w']);
    const w = [1, -2, 3, 0.5];
    expectClose(
      'y',
      y,
      Array.from(x, (value, i) => Math.max(0, 2 * (3 * value + w[i % 4]!)) + w[i % 4]!),
      1e-5,
    );
  });

  it('have branches, whose condition is known, and outputs that are inputs as they came', async () => {
    const chosen: FunctionInit = {
      name: 'chosen',
      input: ['a'],
      output: ['r', 'a'],
      node: [
        call('Shape', ['a'], ['s']),
        call('Size', ['s'], ['rank']),
        call('Constant', [], ['two'], '', [int('value_int', 2)]),
        call('Equal', ['rank', 'two'], ['flat']),
        call('If', ['flat'], ['r'], '', [
          graphAttribute('then_branch', call('product', ['a', 'a'], ['squared'], LIB), 'squared'),
          graphAttribute('else_branch', call('Neg', ['a'], ['negative']), 'negative'),
        ]),
      ],
    };
    const { x, y, ops } = await outputOf(
      modelOf(
        [
          { op: 'chosen', inputs: ['x'], outputs: ['r', 'same'] },
          { op: 'Add', domain: '', inputs: ['r', 'same'], outputs: ['y'] },
        ],
        [chosen, PRODUCT],
      ),
    );
    expect(ops).toEqual(['Mul', 'Add']);
    expectClose(
      'y',
      y,
      Array.from(x, (value) => value * value + value),
      1e-6,
    );
  });

  const one = (functions: FunctionInit[], inputs = ['x'], opset = OPSET) =>
    modelOf([{ op: 'f0', inputs, outputs: ['y'] }], functions, opset);
  const passing = (name: string, ...called: string[]): FunctionInit => ({
    name,
    input: ['a'],
    output: ['r'],
    node: called.map((op, i) => call(op, ['a'], [i === 0 ? 'r' : `r${i}`], LIB)),
  });
  it.each<[string, Uint8Array, string, RegExp]>([
    [
      'that call themselves',
      one([passing('f0', 'f1'), passing('f1', 'f0')]),
      'model-invalid',
      /calls itself/,
    ],
    [
      'that double at each of 40 levels',
      one(Array.from({ length: 40 }, (_, i) => passing(`f${i}`, `f${i + 1}`, `f${i + 1}`))),
      'model-invalid',
      /more than 100000 nodes/,
    ],
    [
      'that call each other 100 deep',
      one(Array.from({ length: 100 }, (_, i) => passing(`f${i}`, `f${i + 1}`))),
      'model-invalid',
      /more than 64 deep/,
    ],
    ['with too many inputs', one([passing('f0', 'f1')], ['x', 'w']), 'model-invalid', /takes 1 inputs/],
    ['of one name', one([passing('f0'), passing('f0')]), 'model-invalid', /two functions are named/],
    [
      'of another opset',
      one([passing('f0', 'f1')], ['x'], 17n),
      'operator-unsupported',
      /is of opset 18, its model of 17/,
    ],
    [
      'that there are not',
      one([passing('f0', 'f9')]),
      'operator-unsupported',
      /f9 is no operator of ONNX itself/,
    ],
  ])('%s are refused', (_, bytes, code, message) => {
    expect(() => importModel(bytes)).toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) }),
    );
  });
});
