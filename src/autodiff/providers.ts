/**
 * What the providers of onnxruntime-web and the CPU code of onnxruntime-node, both 1.30.0, do with each operator of opset
 * 17, as it was measured: every line is held to a run by test/autodiff/providers.backends.test.ts, which fails once a
 * version has mended or broken an operator.
 */
import { intAttribute, windowOf, windowOutput } from '../onnx/attributes.ts';
import type { ElementType, Node, Shape } from '../onnx/graph.ts';
import { image } from '../onnx/shape-rules/windows.ts';
import type { Provider } from './lowering.ts';

/**
 * `refused`: no kernel at all, no session is made. `fails`: taken, then the run fails. `wrong`: wrong values. `cpu`: left
 * to the CPU, with copies from the GPU and back; moco-web refuses such sessions.
 */
export type Verdict = 'runs' | 'refused' | 'fails' | 'wrong' | 'cpu';

export interface Judgment {
  readonly verdict: Verdict;
  /** '' where it runs. */
  readonly reason: string;
}

/** A node, and what is known of the values that it reads. */
export interface NodeFacts {
  readonly node: Node;
  shape(name: string): Shape;
  type(name: string): ElementType;
}

const RUNS: Judgment = { verdict: 'runs', reason: '' };

const ANY: readonly ElementType[] = ['float32', 'int32', 'int64', 'bool'];
const NUMBERS: readonly ElementType[] = ['float32', 'int32', 'int64'];
const FLOAT: readonly ElementType[] = ['float32'];
const SHADER_NUMBERS: readonly ElementType[] = ['float32', 'int32'];
const SHADER_VALUES: readonly ElementType[] = ['float32', 'int32', 'bool'];
const BOOL: readonly ElementType[] = ['bool'];
const NONE: readonly ElementType[] = [];

/** Operators → the element types that the CPU code (on wasm and natively) and WebGPU have kernels for. */
const FAMILIES: readonly (readonly [string, readonly ElementType[], readonly ElementType[]])[] = [
  [
    'LeakyRelu Elu ThresholdedRelu Sigmoid HardSigmoid HardSwish Tanh Softplus Erf Softmax Exp Log Sqrt Reciprocal ' +
      'Floor Ceil Sin Cos Tan PRelu Gemm Conv ConvTranspose MaxPool AveragePool GlobalAveragePool GlobalMaxPool ' +
      'BatchNormalization InstanceNormalization LayerNormalization LpNormalization',
    FLOAT,
    FLOAT,
  ],
  ['Relu', SHADER_NUMBERS, FLOAT],
  ['Abs Neg MatMul', NUMBERS, FLOAT],
  ['Selu Celu Softsign LogSoftmax Round Sum Mean', FLOAT, NONE],
  ['Sign Mod', NUMBERS, NONE],
  ['Dropout', FLOAT, NONE],
  ['Add Sub Mul Div Pow Min Max Clip Less LessOrEqual Greater GreaterOrEqual', NUMBERS, SHADER_NUMBERS],
  [
    'ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceSumSquare ReduceLogSum ' +
      'ReduceLogSumExp ArgMax ArgMin',
    NUMBERS,
    SHADER_NUMBERS,
  ],
  ['Equal Identity Trilu Transpose Squeeze Tile Concat Split Pad', ANY, SHADER_NUMBERS],
  ['Slice', ANY, FLOAT],
  ['Where', NUMBERS, SHADER_VALUES],
  ['Cast Flatten Reshape Unsqueeze Expand Gather', ANY, SHADER_VALUES],
  ['And Not', BOOL, BOOL],
  ['Or Xor', BOOL, NONE],
  ['Shape Size', ANY, NONE],
];

const KERNELS = new Map<string, Readonly<Record<Provider, readonly ElementType[]>>>(
  FAMILIES.flatMap(([operators, cpu, webgpu]) =>
    operators.split(' ').map((op) => [op, { wasm: cpu, native: cpu, webgpu }]),
  ),
);

/** What the provider does with the node. An operator that is not in the table is `refused`: no test has run it. */
export function judge(facts: NodeFacts, provider: Provider): Judgment {
  const { node } = facts;
  const kernels = node.domain === '' ? KERNELS.get(node.op) : undefined;
  if (!kernels) return { verdict: 'refused', reason: 'no kernel for this operator at opset 17' };
  const decisive = node.inputs[node.op === 'Where' ? 1 : 0] ?? '';
  const type = facts.type(decisive);
  const trap = TRAPS[provider][node.op]?.(facts);
  if (trap) return trap;
  if (kernels[provider].includes(type)) return RUNS;
  if (provider !== 'webgpu' || !kernels.wasm.includes(type)) {
    return { verdict: 'refused', reason: `no kernel for ${type}` };
  }
  const missing = kernels.webgpu.length === 0 ? 'no WebGPU kernel' : `no WebGPU kernel for ${type}`;
  return { verdict: 'cpu', reason: missing };
}

type Trap = (facts: NodeFacts) => Judgment | null;

const when = (holds: boolean, verdict: Verdict, reason: string): Judgment | null =>
  holds ? { verdict, reason } : null;

/** onnxruntime-web's rule of shapes for opset 17 has windows that PyTorch leaves out, and opset 19 too. */
const lateWindow: Trap = ({ node, shape }) => {
  if (intAttribute(node, 'ceil_mode', 0) === 0) return null;
  const [, , height, width] = image(node, shape(node.inputs[0]!));
  const window = windowOf(node, [height, width]);
  const { kernel, strides, pads, dilations } = window;
  const [rows, columns] = windowOutput(window, height, width);
  const more = ([height, width] as const).some((size, axis) => {
    const room = size + pads[axis]! + pads[axis + 2]! - (kernel[axis]! - 1) * dilations[axis]! - 1;
    return Math.ceil(room / strides[axis]!) + 1 > [rows, columns][axis]!;
  });
  return when(more, 'refused', 'ceil_mode adds a window that begins in the padding');
};

const ON_WEBGPU: Readonly<Record<string, Trap>> = {
  BatchNormalization: ({ node }) =>
    when(intAttribute(node, 'training_mode', 0) !== 0, 'fails', 'training mode fails when it runs'),
  Conv: ({ node, shape }) => {
    const [x = [], w = []] = node.inputs.map((name): Shape => (name === '' ? [] : shape(name)));
    const [filters = 0, channels = 0] = w.map(Number);
    const byThree = channels > 3 && channels % 3 === 0 && channels % 4 !== 0 && filters % 4 === 0;
    const isProduct = isMatrixProduct(node, x, w);
    const grouped = intAttribute(node, 'group', 1) > 1;
    return when(
      byThree && !isProduct && !grouped,
      'wrong',
      `${channels} channels are taken by three, with wrong values`,
    );
  },
  ConvTranspose: ({ node, shape }) => {
    const [channels = 0, perGroup = 0] = shape(node.inputs[1]!).map(Number);
    const group = intAttribute(node, 'group', 1);
    const even = channels / group > 1 && (channels / group) % 2 === 0;
    return when(
      group > 1 && perGroup === 1 && even,
      'wrong',
      'wrong values in groups of an even number of channels into one',
    );
  },
  Dropout: () => ({ verdict: 'refused', reason: 'it is left to no provider' }),
  AveragePool: lateWindow,
  MaxPool: (facts) =>
    when((facts.node.outputs[1] ?? '') !== '', 'fails', 'Indices fail when it runs') ?? lateWindow(facts),
  Pow: ({ node, shape }) => {
    const shapes = node.inputs.map((name) => shape(name));
    const last = Math.max(...shapes.map((sizes) => Number(sizes.at(-1) ?? 1)));
    const repeated = shapes.some((sizes) => sizes.at(-1) === 1 && sizes.some((size) => size !== 1));
    return when(
      repeated && last > 1 && last % 4 === 0,
      'fails',
      'an operand repeated along its last axis makes an invalid shader',
    );
  },
  ReduceLogSumExp: ({ node, type }) =>
    when(type(node.inputs[0]!) === 'float32', 'wrong', 'infinite for values of 89 and above'),
};

/** What a provider does otherwise than its kernels promise. */
const TRAPS: Readonly<Record<Provider, Readonly<Record<string, Trap>>>> = {
  wasm: { AveragePool: lateWindow, MaxPool: lateWindow },
  native: {},
  webgpu: ON_WEBGPU,
};

/** Convolutions without padding that go another way there: those as large as the image, and 1×1 ones without stride. */
function isMatrixProduct(node: Node, x: Shape, w: Shape): boolean {
  const all = (name: string, fallback: number) => {
    const value = node.attributes[name];
    return !Array.isArray(value) || value.every((n) => n === fallback);
  };
  const kernel = w.slice(2);
  const whole = kernel.every((size, axis) => size === x[axis + 2]);
  const one = kernel.every((size) => size === 1) && all('strides', 1);
  return all('pads', 0) && (whole || one);
}
