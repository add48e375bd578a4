/**
 * Whether a network takes the images of its batch apart from each other, but for the statistics of BatchNorm: then several
 * groups may go through it in one run (groups-at-once.ts). Judged by shapes and axes, with the batch as an open size.
 */
import { intAttribute } from '../onnx/attributes.ts';
import { isFrozenBatchNorm } from '../onnx/batch-norms.ts';
import { quotient } from '../onnx/dims.ts';
import type { Dim, Graph, Node, Shape } from '../onnx/graph.ts';
import { BATCH } from '../onnx/network.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { RULES } from './rules.ts';

/** They keep the elements in their order: each image stays in one piece, wherever the sizes are cut. */
const RENAMING: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

/** Operators that may work along the axis of the images and leave its size, and the axis of those that name none. */
const ALONG: ReadonlyMap<string, number> = new Map([
  ['Softmax', -1],
  ['LogSoftmax', -1],
  ['LayerNormalization', -1],
  ['LpNormalization', -1],
  ['Gather', 0],
]);

/**
 * Why images of one batch meet elsewhere than in the statistics of training BatchNorm over axis 0, in a few words; null where
 * they do not. What is not known to keep them apart counts as mixing them.
 * @param graph with the input `image` [BATCH, …]
 */
export function whyImagesMix(graph: Graph): string | null {
  const shapes = inferShapes(graph);
  const shapeOf = (name: string): Shape => shapes.get(name) ?? [];
  const ofImages = new Set(['image']);
  for (const node of graph.nodes) {
    const given = node.inputs.filter((name) => ofImages.has(name));
    if (given.length === 0) continue;
    const made = node.outputs.filter((name) => name !== '');
    for (const name of made) ofImages.add(name);
    // Outputs of BatchNormalization behind the first are statistics, which no graph of ours reads.
    const values = [...given, ...(node.op === 'BatchNormalization' ? made.slice(0, 1) : made)];
    const why = whyNodeMixes(node, values.map(shapeOf), shapeOf(node.inputs[0]!).length);
    if (why) return `${node.name} (${node.op}) ${why}`;
  }
  return null;
}

/**
 * @param shapes of what it reads and gives that depends on images
 * @param rank of its first input
 */
function whyNodeMixes(node: Node, shapes: readonly Shape[], rank: number): string | null {
  const { op, domain } = node;
  if (domain !== '' || !RULES.has(op)) return 'is not known to keep the images of a batch apart';
  const strange = shapes.find((shape) => !isOfRows(shape));
  if (strange) return `has [${strange}], whose first axis alone should be that of the images`;
  if (RENAMING.has(op)) return null;
  const [first = []] = shapes;
  const other = shapes.find((shape) => shape[0] !== first[0]);
  if (other) return `reads or gives both [${first}] and [${other}]`;
  if (op === 'BatchNormalization' && !isFrozenBatchNorm(node) && first[0] !== BATCH) {
    return `takes statistics over [${first}], whose first axis is not the images alone`;
  }
  const usual = ALONG.get(op);
  if (usual !== undefined) {
    const axis = intAttribute(node, 'axis', usual);
    if (axis === 0 || axis === -rank) return 'works along the axis of the images';
  }
  return null;
}

/** The first size is the batch or a multiple of it, the others are known: an image is a block of rows. */
function isOfRows([first, ...rest]: Shape): boolean {
  const isKnown = (size: Dim | undefined | null) => typeof size === 'number';
  return typeof first === 'string' && isKnown(quotient(first, BATCH)) && rest.every(isKnown);
}
