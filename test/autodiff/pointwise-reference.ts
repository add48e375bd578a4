/**
 * Operators that work element by element, along an axis or over axes, in float64, straight from the ONNX specification,
 * and their gradients by finite differences: nothing here knows a derivative.
 */
import type { Attributes, Constant, GraphBuilder } from '../../src/onnx/graph.ts';

export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface OperatorCase {
  readonly name: string;
  /** Appends the operator to a graph with these inputs; returns its output. */
  build(g: GraphBuilder, inputs: readonly string[]): string;
  evaluate(inputs: readonly Array64[]): Array64;
  /** How many operands there are, which broadcast. */
  readonly operands: number;
  /** Values lie between these bounds, all different, and not within 0.02 of a kink; −4 to 4 by default. */
  readonly range?: readonly [number, number];
  readonly kinks?: readonly number[];
  /**
   * Rounding errors of a gradient, in units of 2⁻²⁴ and of its terms' size: what the rule's own operations add up to (4
   * by default), and how many exponentials, logarithms and the like go into it (0 by default).
   */
  readonly roundings?: number;
  readonly functions?: number;
  /** Size of what cancels in the rule beside the terms, for |dy| = 1: 1 in 1 − y. 0 by default. */
  readonly cancels?: number;
  /** x has at least this many axes (1 by default). */
  readonly rank?: number;
  /** Needs types that the WebGPU provider has not. */
  readonly onlyWasm?: boolean;
}

const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

export function broadcastShape(shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) =>
    Math.max(...shapes.map((shape) => shape[axis - rank + shape.length] ?? 1)),
  );
}

/** Where element `at` of `full` lies in an array of `shape` that broadcasts to it. */
function source(at: number, full: readonly number[], shape: readonly number[]): number {
  let [rest, index, stride] = [at, 0, 1];
  for (let axis = full.length - 1; axis >= 0; axis--) {
    const own = shape[axis - full.length + shape.length] ?? 1;
    index += own === 1 ? 0 : (rest % full[axis]!) * stride;
    stride *= own;
    rest = Math.floor(rest / full[axis]!);
  }
  return index;
}

type Scalars = (...values: number[]) => number;

const pointwise =
  (f: Scalars) =>
  (inputs: readonly Array64[]): Array64 => {
    const shape = broadcastShape(inputs.map((input) => input.shape));
    const at = (i: number) => inputs.map((input) => input.data[source(i, shape, input.shape)]!);
    return { shape, data: Float64Array.from({ length: size(shape) }, (_, i) => f(...at(i))) };
  };

const normalized = (axes: readonly number[], rank: number) => axes.map((axis) => (axis + rank) % rank);

/** The places of x, grouped by what they are without the axes. */
function lines(shape: readonly number[], axes: readonly number[]): number[][] {
  const reduced = shape.map((n, axis) => (normalized(axes, shape.length).includes(axis) ? 1 : n));
  const groups = Array.from({ length: size(reduced) }, (): number[] => []);
  for (let i = 0; i < size(shape); i++) groups[source(i, shape, reduced)]!.push(i);
  return groups;
}

const along =
  (axis: number, f: (values: readonly number[]) => readonly number[]) =>
  ([x]: readonly Array64[]): Array64 => {
    const data = new Float64Array(x!.data.length);
    for (const line of lines(x!.shape, [axis])) {
      const values = f(line.map((i) => x!.data[i]!));
      line.forEach((i, at) => {
        data[i] = values[at]!;
      });
    }
    return { shape: x!.shape, data };
  };

const reduced =
  (axes: readonly number[] | null, keep: boolean, f: (values: readonly number[]) => number) =>
  ([x]: readonly Array64[]): Array64 => {
    const over = normalized(axes ?? x!.shape.map((_, axis) => axis), x!.shape.length);
    const shape = x!.shape.flatMap((n, axis) => (over.includes(axis) ? (keep ? [1] : []) : [n]));
    return {
      shape,
      data: Float64Array.from(lines(x!.shape, over), (line) => f(line.map((i) => x!.data[i]!))),
    };
  };

/**
 * ∂yᵢ/∂xⱼ for every j (rows) and i, by the central difference of four points, ±h and ±2h, h = 2⁻¹⁰. It is off by
 * h⁴/30·|f⁽⁵⁾|, that is 3e-14·|f⁽⁵⁾|, and by rounding of 1.5·2⁻⁵³·|y|/h, that is 2e-13·|y|. Both are far below the 6e-8 of
 * a float32 in the cases here: |f⁽⁵⁾| is largest for 1/x at 0.3, 2e5 where the gradient is 11.
 */
export function jacobian(
  evaluate: OperatorCase['evaluate'],
  inputs: readonly Array64[],
  k: number,
): Float64Array[] {
  const h = 2 ** -10;
  const x = inputs[k]!;
  return Array.from(x.data, (value, j) => {
    const y = (shift: number) => {
      const data = x.data.slice();
      data[j] = value + shift;
      return evaluate(inputs.map((input, i) => (i === k ? { ...input, data } : input))).data;
    };
    const [a, b, c, d] = [y(-2 * h), y(-h), y(h), y(2 * h)];
    return a!.map((_, i) => (8 * (c![i]! - b![i]!) - (d![i]! - a![i]!)) / (12 * h));
  });
}

const total = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0);
const clamp = (x: number, min: number, max: number) => Math.min(max, Math.max(min, x));

/** Its Taylor series up to 3, where terms of up to e⁹ leave an error of 1e-12; from there the continued fraction (A&S 7.1.14). */
function erf(x: number): number {
  if (Math.abs(x) > 3) {
    let fraction = 0;
    for (let n = 60; n > 0; n--) fraction = n / 2 / (Math.abs(x) + fraction);
    return Math.sign(x) * (1 - Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + fraction));
  }
  let [term, sum] = [x, x];
  for (let n = 1; n < 80; n++) {
    term *= (-x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

const one = (
  op: string,
  f: Scalars,
  options: Partial<OperatorCase> = {},
  attributes: Attributes = {},
): OperatorCase => ({
  name: [op, ...Object.entries(attributes).map(([name, value]) => `${name} ${JSON.stringify(value)}`)].join(
    ' ',
  ),
  build: (g, inputs) => g.op(op, inputs, attributes),
  evaluate: pointwise(f),
  operands: 1,
  ...options,
});
const many = (op: string, operands: number, f: Scalars, options: Partial<OperatorCase> = {}): OperatorCase =>
  one(op, f, { name: `${op} of ${operands}`, operands, ...options });
const written = (
  name: string,
  f: Scalars,
  build: OperatorCase['build'],
  options: Partial<OperatorCase> = {},
): OperatorCase => ({ name, build, evaluate: pointwise(f), operands: 1, ...options });

const leaky = (alpha: number) => (x: number) => (x > 0 ? x : alpha * x);
const hard = (alpha: number, beta: number) => (x: number) => clamp(alpha * x + beta, 0, 1);

const ACTIVATIONS: readonly OperatorCase[] = [
  one('Relu', (x) => Math.max(x, 0), { kinks: [0] }),
  one('LeakyRelu', leaky(0.01), { kinks: [0] }),
  one('LeakyRelu', leaky(-0.5), { kinks: [0] }, { alpha: { float: -0.5 } }),
  one('LeakyRelu', leaky(1.5), { kinks: [0] }, { alpha: { float: 1.5 } }),
  written(
    'PRelu',
    (x, slope) => (x > 0 ? x : slope * x),
    (g, [x = '', slope = '']) => g.op('PRelu', [x, slope]),
    {
      operands: 2,
      kinks: [0],
    },
  ),
  one('Sigmoid', (x) => 1 / (1 + Math.exp(-x)), { functions: 2, cancels: 1 }),
  one('HardSigmoid', hard(0.2, 0.5), { kinks: [-2.5, 2.5] }),
  one(
    'HardSigmoid',
    hard(-0.75, 0.25),
    { kinks: [-1, 1 / 3] },
    { alpha: { float: -0.75 }, beta: { float: 0.25 } },
  ),
  one('HardSwish', (x) => x * clamp(x / 6 + 0.5, 0, 1), { kinks: [-3, 3], cancels: 1 }),
  one('Tanh', Math.tanh, { functions: 2, cancels: 1 }),
  one('Softplus', (x) => Math.log1p(Math.exp(x)), { functions: 1, cancels: 1 }),
  one('Elu', (x) => (x > 0 ? x : Math.expm1(x)), { kinks: [0], functions: 1, cancels: 1 }),
  one(
    'Elu',
    (x) => (x > 0 ? x : 0.7 * Math.expm1(x)),
    { kinks: [0], functions: 1, cancels: 1 },
    { alpha: { float: 0.7 } },
  ),
  one(
    'Elu',
    (x) => (x > 0 ? x : -2 * Math.expm1(x)),
    { kinks: [0], functions: 1, cancels: 2 },
    { alpha: { float: -2 } },
  ),
  one('Selu', (x) => 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * Math.expm1(x)), {
    kinks: [0],
    functions: 1,
    cancels: 2,
  }),
  one(
    'Celu',
    (x) => (x > 0 ? x : 0.7 * Math.expm1(x / 0.7)),
    { kinks: [0], functions: 1, cancels: 2 },
    { alpha: { float: 0.7 } },
  ),
  // The exponent x² of its gradient has an error of 16·2⁻²⁴ at most.
  one('Erf', erf, { roundings: 20, functions: 1 }),
  written(
    'Clip to constants',
    (x) => clamp(x, -1.25, 2.5),
    (g, [x = '']) => g.op('Clip', [x, g.scalar(-1.25), g.scalar(2.5)]),
    { kinks: [-1.25, 2.5] },
  ),
  written(
    'Clip from below',
    (x) => Math.max(x, 0.5),
    (g, [x = '']) => g.op('Clip', [x, g.scalar(0.5)]),
    { kinks: [0.5] },
  ),
  written(
    'Clip from above',
    (x) => Math.min(x, 0.5),
    (g, [x = '']) => g.op('Clip', [x, '', g.scalar(0.5)]),
    { kinks: [0.5] },
  ),
  written(
    'Clip without bounds',
    (x) => x,
    (g, [x = '']) => g.op('Clip', [x]),
  ),
];

const magnitude = (x: number) => Math.abs(x);
const FUNCTIONS: readonly OperatorCase[] = [
  one('Exp', Math.exp, { functions: 1 }),
  one('Log', Math.log, { range: [0.3, 4] }),
  one('Sqrt', Math.sqrt, { range: [0.3, 4], functions: 1 }),
  one('Reciprocal', (x) => 1 / x, { range: [0.3, 4], functions: 1, roundings: 8 }),
  one('Abs', magnitude, { kinks: [0] }),
  one('Neg', (x) => -x),
  one('Identity', (x) => x),
  one('Floor', Math.floor, { kinks: [-4, -3, -2, -1, 0, 1, 2, 3, 4] }),
  one('Ceil', Math.ceil, { kinks: [-4, -3, -2, -1, 0, 1, 2, 3, 4] }),
  one('Round', Math.round, { kinks: [-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5] }),
  one('Sign', Math.sign, { kinks: [0] }),
  one('Cast', (x) => x, {}, { to: 1 }),
  written(
    'Cast to float64 and back',
    (x) => x * 1.5,
    (g, [x = '']) => {
      const factor: Constant = { type: 'float64', shape: [], data: Float64Array.of(1.5) };
      const exact = g.op('Mul', [g.op('Cast', [x], { to: 11 }), g.constant('factor', factor)]);
      return g.op('Cast', [exact], { to: 1 });
    },
    { onlyWasm: true },
  ),
];

/** Exponents of up to 2.5 on bases of 0.3 to 2.5: WGSL's log2 is off by 2⁻²¹ there, so x^b by 8·2.5·ln 2 = 14 roundings. */
const POWER: Partial<OperatorCase> = { range: [0.3, 2.5], functions: 2, roundings: 24, cancels: 1 };
const power = (exponent: number, options: Partial<OperatorCase> = {}) =>
  written(
    `Pow to ${exponent}`,
    (x) => x ** exponent,
    (g, [x = '']) => g.op('Pow', [x, g.scalar(exponent)]),
    { ...POWER, cancels: 0, ...options },
  );
const ARITHMETIC: readonly OperatorCase[] = [
  many('Add', 2, (a, b) => a! + b!),
  many('Sub', 2, (a, b) => a! - b!),
  many('Mul', 2, (a, b) => a! * b!),
  many('Div', 2, (a, b) => a! / b!, { range: [0.3, 4], roundings: 12 }),
  ...[1, 2, 3].flatMap((n) => [
    many('Sum', n, (...values) => total(values)),
    many('Mean', n, (...values) => total(values) / values.length),
    many('Min', n, Math.min),
    many('Max', n, Math.max),
  ]),
  many('Pow', 2, (a, b) => a! ** b!, POWER),
  power(3, { range: [-2.5, 2.5] }),
  power(2, { range: [-2.5, 2.5] }),
  power(1.5),
  power(-2),
  power(0, { range: [-2.5, 2.5] }),
  written(
    'Pow of 2',
    (x) => 2 ** x,
    (g, [x = '']) => g.op('Pow', [g.scalar(2), x]),
    { functions: 2, roundings: 24 },
  ),
  written(
    'Mul by itself',
    (x) => x * x,
    (g, [x = '']) => g.op('Mul', [x, x]),
  ),
];

const COMPARISONS: readonly [string, (a: number, b: number) => boolean][] = [
  ['Less', (a, b) => a < b],
  ['LessOrEqual', (a, b) => a <= b],
  ['Greater', (a, b) => a > b],
  ['GreaterOrEqual', (a, b) => a >= b],
  ['Equal', (a, b) => a === b],
];
const CHOICES: readonly OperatorCase[] = [
  ...COMPARISONS.map(([op, holds]) =>
    written(
      `Where by ${op}`,
      (a, b, c) => (holds(a!, b!) ? c! * a! : b!),
      (g, [a = '', b = '', c = '']) => g.op('Where', [g.op(op, [a, b]), g.op('Mul', [c, a]), b]),
      { operands: 3 },
    ),
  ),
  written(
    'Where by Not, And, Or',
    (a, b, c) => (!(a! < b! && a! < c!) || b! > 1 ? a! * c! : b! * c!),
    (g, [a = '', b = '', c = '']) => {
      const both = g.op('And', [g.op('Less', [a, b]), g.op('Less', [a, c])]);
      const either = g.op('Or', [g.op('Not', [both]), g.op('Greater', [b, g.scalar(1)])]);
      return g.op('Where', [either, g.op('Mul', [a, c]), g.op('Mul', [b, c])]);
    },
    { operands: 3, kinks: [1] },
  ),
  written(
    'Mul by a comparison as numbers',
    (a, b) => (a! > b! ? a! : 0) - b!,
    (g, [a = '', b = '']) =>
      g.op('Sub', [g.op('Mul', [a, g.op('Cast', [g.op('Greater', [a, b])], { to: 1 })]), b]),
    { operands: 2 },
  ),
];

const exponentials = (values: readonly number[]) => total(values.map(Math.exp));
const softmaxes = [0, 1, -1].flatMap((axis): OperatorCase[] => [
  {
    name: `Softmax of axis ${axis}`,
    build: (g, inputs) => g.op('Softmax', inputs, { axis }),
    evaluate: along(axis, (values) => values.map((x) => Math.exp(x) / exponentials(values))),
    operands: 1,
    functions: 3,
    cancels: 1,
    rank: 2,
  },
  {
    name: `LogSoftmax of axis ${axis}`,
    build: (g, inputs) => g.op('LogSoftmax', inputs, { axis }),
    evaluate: along(axis, (values) => values.map((x) => x - Math.log(exponentials(values)))),
    operands: 1,
    // The exponent y is at most 4 + 4 + log 27 and off by two roundings of that size.
    roundings: 24,
    functions: 3,
    cancels: 1,
    rank: 2,
  },
]);

const REDUCTIONS: readonly [string, (values: readonly number[]) => number, Partial<OperatorCase>][] = [
  ['Sum', total, {}],
  ['Mean', (values) => total(values) / values.length, {}],
  ['Max', (values) => Math.max(...values), {}],
  ['Min', (values) => Math.min(...values), {}],
  ['L1', (values) => total(values.map(Math.abs)), { kinks: [0] }],
  ['L2', (values) => Math.sqrt(total(values.map((x) => x * x))), { range: [0.3, 4], roundings: 40 }],
  ['SumSquare', (values) => total(values.map((x) => x * x)), {}],
  ['LogSumExp', (values) => Math.log(exponentials(values)), { functions: 3, roundings: 24 }],
];
const AXES: readonly (readonly number[] | null)[] = [[0], [1], [-1], [0, -1], [0, 1], null];
const reductions = REDUCTIONS.flatMap(([name, f, options]) =>
  AXES.flatMap((axes) =>
    [true, false].map((keep): OperatorCase => {
      const keepdims = keep ? 1 : 0;
      const build = (g: GraphBuilder, [x = '']: readonly string[]) =>
        name === 'Sum' && axes
          ? g.op('ReduceSum', [x, g.ints(axes)], { keepdims })
          : g.op(`Reduce${name}`, [x], axes ? { axes, keepdims } : { keepdims });
      const label = `Reduce${name} over ${axes ?? 'all'}${keep ? '' : ', axes dropped'}`;
      return { name: label, build, evaluate: reduced(axes, keep, f), operands: 1, rank: 2, ...options };
    }),
  ),
);

export const CASES: readonly OperatorCase[] = [
  ...ACTIVATIONS,
  ...FUNCTIONS,
  ...ARITHMETIC,
  ...CHOICES,
  ...softmaxes,
  ...reductions,
];
