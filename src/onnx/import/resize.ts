/**
 * Resize and Upsample as products with constant matrices, one along each axis that changes: each output is a weighted sum
 * of inputs, so that the gradient is the product with the same matrix, transposed. Coordinates by the specification's
 * formulas, of which PyTorch writes `asymmetric`, `half_pixel`, `pytorch_half_pixel` and `align_corners`.
 */
import { MocoError } from '../../errors.ts';
import { floatAttribute, intAttribute, intsAttribute, stringAttribute } from '../attributes.ts';
import type { Dim, Node } from '../graph.ts';
import { fixed, normalAxes } from '../shape-rules/rule.ts';
import type { RewriteScope, Rewriting } from './rewriting.ts';

/** Elements of a matrix: 4096 to 4096 pixels. */
const MOST_WEIGHTS = 2 ** 24;

export const resize: Rewriting = (node, scope) => {
  const [x = ''] = node.inputs;
  const shape = scope.shape(x);
  let value = x;
  const changes = targets(node, scope, shape).filter(({ from, to, scale }) => from !== to || scale !== 1);
  changes.forEach((change, i) => {
    const output = i === changes.length - 1 ? node.outputs[0] : undefined;
    const behind = shape.length - 1 - change.axis;
    if (behind > 1 || shape.length < 3)
      throw unsupported(node, `it changes axis ${change.axis} of [${shape}]`);
    const { from, to } = change;
    if (from * to > MOST_WEIGHTS) throw unsupported(node, `from ${from} to ${to} pixels`);
    const weights = weightsOf(node, scope.opset, change);
    // Along columns X·Wᵀ, along rows W·X.
    const data = behind === 0 ? transposed(weights, to, from) : weights;
    const matrix = scope.g.constant(scope.g.fresh('resize'), {
      type: 'float32',
      shape: behind === 0 ? [from, to] : [to, from],
      data,
    });
    value = scope.g.op('MatMul', behind === 0 ? [value, matrix] : [matrix, value], {}, output);
  });
  if (changes.length === 0) scope.g.op('Identity', [x], {}, node.outputs[0]);
};

interface Change {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  /** Output pixels a pixel. */
  readonly scale: number;
}

/** What becomes of each axis that the node names. Upsample and Resize of opset 10 have scales alone. */
function targets(node: Node, scope: RewriteScope, shape: readonly Dim[]): Change[] {
  const isFirst = node.op === 'Upsample' || scope.opset < 11;
  const given = (slot: number) => {
    const name = node.inputs[slot] ?? '';
    if (name === '') return [];
    const values = scope.known(name);
    if (values) return values;
    throw unsupported(node, `its sizes ${name} depend on the images`);
  };
  const attribute = node.attributes.scales;
  const scales =
    typeof attribute === 'object' && 'floats' in attribute ? attribute.floats : given(isFirst ? 1 : 2);
  const sizes = isFirst ? [] : given(3);
  const axes = normalAxes(node, intsAttribute(node, 'axes', [...shape.keys()]), shape.length);
  const policy = stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch');
  if (policy !== 'stretch') throw unsupported(node, `keep_aspect_ratio_policy ${policy}`);
  const list = sizes.length > 0 ? sizes : scales;
  if (list.length !== axes.length) {
    throw new MocoError(
      'model-invalid',
      `node ${node.name} (${node.op}): ${list.length} sizes for [${shape}]`,
    );
  }
  return axes.flatMap((axis, i): Change[] => {
    const wanted = list[i]!;
    const size = shape[axis]!;
    if (wanted === size || (sizes.length === 0 && wanted === 1)) return [];
    if (typeof wanted !== 'number') throw unsupported(node, `size ${wanted} depends on the batch`);
    const from = fixed(node, size);
    const to = sizes.length > 0 ? wanted : Math.floor(from * wanted);
    if (!Number.isSafeInteger(to) || to < 1) throw unsupported(node, `from ${from} to ${to} pixels`);
    return [{ axis, from, to, scale: sizes.length > 0 ? to / from : wanted }];
  });
}

/** [to, from]: how much of each input is in each output. */
function weightsOf(node: Node, opset: number, { from, to, scale }: Change): Float32Array<ArrayBuffer> {
  const mode = stringAttribute(node, 'mode', 'nearest');
  const weights = new Float32Array(from * to);
  const at = coordinates(node, opset, { from, to, scale });
  const clamp = (j: number) => Math.max(0, Math.min(from - 1, j));
  const sample = sampler(node, opset, mode);
  const isOutside = (j: number) => j < 0 || j >= from;
  const exclude = intAttribute(node, 'exclude_outside', 0) !== 0;
  const antialias = intAttribute(node, 'antialias', 0) !== 0 && scale < 1 && mode !== 'nearest';
  for (let i = 0; i < to; i++) {
    const taps = antialias ? smoothed(node, mode, at(i), scale) : sample(at(i));
    const used = taps.filter(([j]) => !((exclude || antialias) && isOutside(j)));
    const total = exclude || antialias ? used.reduce((sum, [, weight]) => sum + weight, 0) : 1;
    for (const [j, weight] of used) weights[i * from + clamp(j)]! += weight / total;
  }
  return weights;
}

type Taps = readonly (readonly [index: number, weight: number])[];

/** Where in the input an output lies. */
function coordinates(node: Node, opset: number, { from, to, scale }: Omit<Change, 'axis'>) {
  const usual = node.op === 'Upsample' || opset < 11 ? 'asymmetric' : 'half_pixel';
  const mode = stringAttribute(node, 'coordinate_transformation_mode', usual);
  // i · from / to is exact where i / (to / from) is not.
  const unscaled = (i: number) => (to / from === scale ? (i * from) / to : i / scale);
  const half = (i: number) => unscaled(i + 0.5) - 0.5;
  switch (mode) {
    case 'half_pixel':
      return half;
    case 'pytorch_half_pixel':
      return (i: number) => (to > 1 ? half(i) : 0);
    case 'align_corners':
      return (i: number) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0);
    case 'asymmetric':
      return unscaled;
    case 'half_pixel_symmetric':
      return (i: number) => (from / 2) * (1 - to / (scale * from)) + half(i);
    case 'tf_half_pixel_for_nn':
      return (i: number) => unscaled(i + 0.5);
    default:
      throw unsupported(node, `coordinate_transformation_mode ${mode}`);
  }
}

function sampler(node: Node, opset: number, mode: string): (x: number) => Taps {
  if (mode === 'nearest') {
    const usual = node.op === 'Upsample' || opset < 11 ? 'floor' : 'round_prefer_floor';
    const rounding = ROUNDINGS[stringAttribute(node, 'nearest_mode', usual)];
    if (!rounding) throw unsupported(node, 'this nearest_mode');
    return (x) => [[rounding(x), 1]];
  }
  if (mode === 'linear' || mode === 'bilinear') {
    return (x) => {
      const left = Math.floor(x);
      return [
        [left, 1 - (x - left)],
        [left + 1, x - left],
      ];
    };
  }
  if (mode === 'cubic') {
    const kernel = cubic(floatAttribute(node, 'cubic_coeff_a', -0.75));
    return (x) =>
      [-1, 0, 1, 2].map((step) => [Math.floor(x) + step, kernel(x - Math.floor(x) - step)] as const);
  }
  throw unsupported(node, `mode ${mode}`);
}

const ROUNDINGS: Readonly<Record<string, ((x: number) => number) | undefined>> = Object.assign(
  Object.create(null),
  {
    round_prefer_floor: (x: number) => Math.ceil(x - 0.5),
    round_prefer_ceil: (x: number) => Math.floor(x + 0.5),
    floor: Math.floor,
    ceil: Math.ceil,
  },
);

/** Keys, "Cubic convolution interpolation for digital image processing", 1981, equation (4) with a in the place of −1/2. */
function cubic(a: number): (x: number) => number {
  return (x) => {
    const t = Math.abs(x);
    if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((t - 5) * t + 8) * t * a - 4 * a : 0;
  };
}

/** The kernel as wide as an output pixel is: where images become smaller, each input counts. */
function smoothed(node: Node, mode: string, x: number, scale: number): Taps {
  const kernel =
    mode === 'cubic' ? cubic(floatAttribute(node, 'cubic_coeff_a', -0.75)) : (t: number) => 1 - Math.abs(t);
  const reach = (mode === 'cubic' ? 2 : 1) / scale;
  const taps: [number, number][] = [];
  for (let j = Math.ceil(x - reach); j <= x + reach; j++) {
    const weight = kernel((j - x) * scale);
    if (weight !== 0) taps.push([j, weight]);
  }
  return taps;
}

function transposed(values: Float32Array, rows: number, columns: number): Float32Array<ArrayBuffer> {
  return Float32Array.from(values, (_, i) => values[(i % rows) * columns + Math.floor(i / rows)]!);
}

function unsupported(node: Node, what: string): MocoError {
  return new MocoError('operator-unsupported', `node ${node.name} (${node.op}): ${what} is not supported`);
}
