/** What a model does to its images before anything that learns: an encoder that normalizes its input says in which range it wants it. */
import { intAttribute } from '../attributes.ts';
import { count } from '../dims.ts';
import type { Constant, Graph, Node, Value } from '../graph.ts';
import { TYPE_OF } from '../types.ts';
import { isBufferName } from './buffers.ts';

export interface InputRange {
  /** Names of the constants that normalize, which are no weights. */
  readonly constants: ReadonlySet<string>;
  /** `bytes`: 0 … 255, `none`: 0 … 1, both to be normalized by the model itself; null: it does not say. */
  readonly normalize: 'bytes' | 'none' | null;
  /** What was found, e.g. `Sub mean, Div std`; '' where nothing was. */
  readonly found: string;
}

/** Operators that only move or convert pixels. */
const MOVES: ReadonlySet<string> = new Set([
  'Cast',
  'Identity',
  'Transpose',
  'Reshape',
  'Unsqueeze',
  'Squeeze',
]);
/** Below this, one unit of a pixel counts for too little to be of 0 … 1: 1/58 and 1/255 are, ImageNet's 1/0.229 is not. */
const LEAST_SLOPE = 0.1;
/** Means above this are of bytes: ImageNet's are 103.5 to 123.7. */
const LARGEST_UNIT_MEAN = 3;

/** What a network begins with, once its images are ready. */
const BEGINS: ReadonlySet<string> = new Set(
  'Conv Pad MatMul Gemm BatchNormalization AveragePool MaxPool'.split(' '),
);

/**
 * Follows the image through arithmetic with a constant for all pixels of a channel, as far as there is one reader. It is a
 * normalization where it takes a mean off or divides, or its constants have names of buffers or none: a scale of the
 * network's own would be multiplied with.
 * @param initializers names of the constants that the file lists as such
 */
export function inputRange(graph: Graph, image: Value, initializers: ReadonlySet<string>): InputRange {
  const isByte = image.type !== 'float32';
  const none: InputRange = {
    constants: new Set(),
    normalize: isByte ? 'bytes' : null,
    found: isByte ? `${image.type} images` : '',
  };
  if (image.shape.length !== 4) return none;
  const readers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const name of new Set(node.inputs)) {
      const known = readers.get(name);
      if (known) known.push(node);
      else readers.set(name, [node]);
    }
  }
  const constants = new Set<string>();
  const steps: string[] = [];
  let isNormal = false;
  // y = slope · pixel + offset
  let [slope, offset] = [1, 0];
  let at = image.name;
  for (;;) {
    const [node, ...others] = readers.get(at) ?? [];
    if (!node || others.length > 0) return none;
    if (BEGINS.has(node.op)) break;
    if (!MOVES.has(node.op)) {
      const step = affineStep(graph, node, at, image);
      if (!step) return none;
      isNormal ||=
        ['Sub', 'Div'].includes(node.op) || isBufferName(step.name) || !initializers.has(step.name);
      constants.add(step.name);
      steps.push(`${node.op} ${step.name}`);
      slope *= step.slope;
      offset = offset * step.slope + step.offset;
    } else if (node.op === 'Cast' && TYPE_OF.get(intAttribute(node, 'to', 1)) === undefined) return none;
    at = node.outputs[0] ?? '';
  }
  if (!isNormal) return none;
  const ofBytes = isByte || Math.abs(slope) < LEAST_SLOPE || Math.abs(offset / slope) > LARGEST_UNIT_MEAN;
  return { constants, normalize: ofBytes ? 'bytes' : 'none', found: steps.join(', ') };
}

function affineStep(graph: Graph, node: Node, x: string, image: Value) {
  const [a = '', b = ''] = node.inputs;
  const name = a === x ? b : a;
  const constant = graph.constants.get(name);
  if (!constant || node.inputs.length !== 2 || !isPerChannel(constant, image)) return null;
  const values = Array.from(constant.data as ArrayLike<number | bigint>, Number);
  // The largest of the channels' speaks for all: they are of one range.
  const value = values.reduce((most, v) => (Math.abs(v) > Math.abs(most) ? v : most), 0);
  switch (node.op) {
    case 'Sub':
      return a === x ? { name, slope: 1, offset: -value } : null;
    case 'Add':
      return { name, slope: 1, offset: value };
    case 'Mul':
      return value === 0 ? null : { name, slope: value, offset: 0 };
    case 'Div':
      return a === x && value !== 0 ? { name, slope: 1 / value, offset: 0 } : null;
    default:
      return null;
  }
}

/** One value, or one for each of up to four channels. */
function isPerChannel({ shape }: Constant, image: Value): boolean {
  const size = count(shape);
  return size === 1 || (size <= 4 && image.shape.includes(size) && shape.filter((n) => n > 1).length === 1);
}
