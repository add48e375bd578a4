/**
 * Convolutions on channels in blocks: onnxruntime's native code is fastest on images [N, C/b, H, W, b], with b channels of a
 * pixel beside each other (NCHWc; b is 16 with AVX-512, 8 with AVX). onnxruntime writes graphs so by itself where weights
 * are constants; ours are inputs, so we do. Its operators for it are in a domain of its own, of onnxruntime-node's exact
 * version: these graphs are for its sessions alone, never for files that others read.
 */
import { intAttribute, intsAttribute } from '../onnx/attributes.ts';
import { type Graph, GraphBuilder, type Node, type Shape } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { copyNode, reshape, transpose } from './rule.ts';

export const BLOCKED_DOMAIN = 'com.microsoft.nchwc';

/** From here on a product over channels alone gains more in blocks than it loses to bringing images there and back. */
const MANY_CHANNELS = 512;
const FEW_PIXELS = 256;

/** The same graph with convolutions on blocks of channels, where that is faster (docs/performance.md). */
export function withBlockedConvolutions(graph: Graph, block: number): Graph {
  const shapes = inferShapes(graph);
  const g = new GraphBuilder(graph.name, 'nchwc');
  for (const { name, shape, type } of graph.inputs) g.input(name, shape, type);
  for (const [name, constant] of graph.constants) g.constant(name, constant);
  const images = new Map<string, string>();
  for (const node of graph.nodes) {
    if (isFasterInBlocks(node, (name) => shapes.get(name)!, block)) convolve(g, node, shapes, block, images);
    else copyNode(g, node);
  }
  for (const { name, shape, type } of graph.outputs) g.output(name, shape, type);
  return g.build();
}

function isFasterInBlocks(node: Node, shapeOf: (name: string) => Shape, block: number): boolean {
  if (node.op !== 'Conv' || node.domain !== '' || intAttribute(node, 'group', 1) !== 1) return false;
  const [outChannels, channels, ...kernel] = shapeOf(node.inputs[1]!);
  if (kernel.length !== 2 || Number(channels) % block !== 0 || Number(outChannels) % block !== 0)
    return false;
  if (intsAttribute(node, 'strides', [1, 1]).some((stride) => stride !== 1)) return false;
  if (kernel.some((size) => size !== 1)) return true;
  const [, , height, width] = shapeOf(node.inputs[0]!);
  return Number(channels) >= MANY_CHANNELS && Number(height) * Number(width) <= FEW_PIXELS;
}

/** @param images in blocks, by the name of what they were before */
function convolve(
  g: GraphBuilder,
  node: Node,
  shapes: ReadonlyMap<string, Shape>,
  block: number,
  images: Map<string, string>,
): void {
  const [x = '', w = '', ...bias] = node.inputs;
  const [outChannels, channels, kh, kw] = shapes.get(w)!.map(Number) as [number, number, number, number];
  const image = images.get(x) ?? blockedOp(g, 'ReorderInput', [x]);
  images.set(x, image);
  // [O, C, kh, kw] → [O/b, C/b, kh, kw, b of C, b of O], under the shape that it had.
  const apart = reshape(g, w, [outChannels / block, block, channels / block, block, kh, kw]);
  const turned = transpose(g, apart, [0, 2, 4, 5, 3, 1]);
  const weights = reshape(g, turned, [outChannels, channels, kh, kw]);
  const y = blockedOp(g, 'Conv', [image, weights, ...bias], node.attributes);
  const [output] = node.outputs;
  blockedOp(g, 'ReorderOutput', [y], { channels: outChannels }, output);
}

function blockedOp(
  g: GraphBuilder,
  op: string,
  inputs: readonly string[],
  attributes: Node['attributes'] = {},
  output = g.fresh(op),
): string {
  g.node({ name: g.fresh(op), op, domain: BLOCKED_DOMAIN, inputs, outputs: [output], attributes });
  return output;
}
