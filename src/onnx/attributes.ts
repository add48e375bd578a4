/** Typed reading of a node's attributes, with the defaults of the ONNX specification given by the caller. */
import { MocoError } from '../errors.ts';
import type { Node } from './graph.ts';

export function intAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (typeof value === 'number') return value;
  throw wrong(node, name, 'a whole number');
}

export function intsAttribute(node: Node, name: string, fallback: readonly number[]): readonly number[] {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (Array.isArray(value)) return value as readonly number[];
  throw wrong(node, name, 'a list of whole numbers');
}

export function floatAttribute(node: Node, name: string, fallback: number): number {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (typeof value === 'object' && 'float' in value) return value.float;
  throw wrong(node, name, 'a float');
}

export function stringAttribute(node: Node, name: string, fallback: string): string {
  const value = node.attributes[name];
  if (value === undefined) return fallback;
  if (typeof value === 'string') return value;
  throw wrong(node, name, 'a string');
}

function wrong(node: Node, name: string, what: string): MocoError {
  return new MocoError('model-invalid', `node ${node.name} (${node.op}): attribute ${name} is not ${what}`);
}

/**
 * Geometry of a sliding window (convolutions, pooling), all attributes resolved. A 1-D window is a 2-D one of height 1
 * over images of height 1.
 */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** top, left, bottom, right */
  readonly pads: readonly [number, number, number, number];
  readonly dilations: readonly [number, number];
  /** The last window may stick out of the padded image (pooling). */
  readonly ceil: boolean;
}

/**
 * @param size height and width of the input, which auto_pad depends on
 * @param kernelFallback sizes of the kernel where the node does not give them, from the weights
 * @throws MocoError operator-unsupported for 3-D windows
 */
export function windowOf(
  node: Node,
  size: readonly [number, number],
  kernelFallback?: readonly number[],
): Window {
  const sizes = intsAttribute(node, 'kernel_shape', kernelFallback ?? []);
  const kernel = pair(node, sizes, 1);
  const strides = pair(
    node,
    intsAttribute(
      node,
      'strides',
      sizes.map(() => 1),
    ),
    1,
  );
  const dilations = pair(
    node,
    intsAttribute(
      node,
      'dilations',
      sizes.map(() => 1),
    ),
    1,
  );
  if ([...kernel, ...strides, ...dilations].some((n) => n < 1))
    throw wrong(node, 'kernel_shape, strides or dilations', '1 or more');
  const ceil = intAttribute(node, 'ceil_mode', 0) !== 0;
  return { kernel, strides, pads: padsOf(node, { size, kernel, strides, dilations }), dilations, ceil };
}

function padsOf(
  node: Node,
  {
    size,
    kernel,
    strides,
    dilations,
  }: Pick<Window, 'kernel' | 'strides' | 'dilations'> & { size: readonly [number, number] },
): Window['pads'] {
  const auto = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (auto === 'NOTSET' || auto === '') {
    const pads = intsAttribute(node, 'pads', []);
    if (pads.length === 0) return [0, 0, 0, 0];
    const half = pads.length / 2;
    return [...pair(node, pads.slice(0, half), 0), ...pair(node, pads.slice(half), 0)];
  }
  if (auto === 'VALID') return [0, 0, 0, 0];
  if (auto !== 'SAME_UPPER' && auto !== 'SAME_LOWER')
    throw wrong(node, 'auto_pad', 'one of the specification');
  // As many windows as strides fit into the image; an odd rest goes to the end (UPPER) or the start (LOWER).
  const total = ([0, 1] as const).map((axis) => {
    const windows = Math.ceil(size[axis] / strides[axis]);
    return Math.max(0, (windows - 1) * strides[axis] + (kernel[axis] - 1) * dilations[axis] + 1 - size[axis]);
  });
  const [small, large] = [total.map((n) => Math.floor(n / 2)), total.map((n) => Math.ceil(n / 2))];
  const [begin, end] = auto === 'SAME_UPPER' ? [small, large] : [large, small];
  return [begin[0]!, begin[1]!, end[0]!, end[1]!];
}

/** Of a 1-D window, `missing` stands for the height. */
function pair(node: Node, values: readonly number[], missing: number): [number, number] {
  const [first, second] = values;
  if (values.length === 1) return [missing, first!];
  if (values.length === 2) return [first!, second!];
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name} (${node.op}): a window of ${values.length} dimensions is not supported, only 1 and 2`,
  );
}

/** Rows and columns that a ConvTranspose adds at the end. */
export function outputPaddingOf(node: Node): [number, number] {
  const values = intsAttribute(node, 'output_padding', [0, 0]);
  return pair(node, values, 0);
}

/** Output height and width of a window over an input of height and width. */
export function windowOutput(window: Window, height: number, width: number): [number, number] {
  const { kernel, strides, pads, dilations, ceil } = window;
  const along = (size: number, axis: 0 | 1) => {
    const room = size + pads[axis] + pads[axis + 2]! - (kernel[axis] - 1) * dilations[axis] - 1;
    if (!ceil) return Math.floor(room / strides[axis]) + 1;
    const windows = Math.ceil(room / strides[axis]) + 1;
    // A window that would begin in the padding at the end is left out, as PyTorch and onnxruntime do.
    return (windows - 1) * strides[axis] >= size + pads[axis] ? windows - 1 : windows;
  };
  return [along(height, 0), along(width, 1)];
}
