/** What is run in the place of a graph for wasm: sessions, and between them calls of our kernels (kernel-calls.ts). */
import type { Convolution } from '../autodiff/images.ts';
import { type Copies, kernelNodes } from '../autodiff/kernel-nodes.ts';
import { kernelPieces } from '../autodiff/kernel-pieces.ts';
import { convolutionScratch } from '../kernels/convolution.ts';
import type { Graph } from '../onnx/graph.ts';
import { encoded } from './encoded-model.ts';
import { kernelCall, shapeOfBatch } from './kernel-calls.ts';
import type { GraphPiece, Pieces } from './training-plan.ts';

/**
 * Fewer products are not worth a run of its own of what comes after them: the kernel saves 0.04 ms of a million of them, and a run takes
 * about 0.1 ms.
 */
const FEWEST = 2 ** 22;
/**
 * Products for a value that is copied: x out of onnxruntime's heap and into the kernels' memory, y back. What the kernel saves of a product
 * (docs/performance.md) over what a copied value takes, rounded up.
 */
const COPIED = { x: 64, y: 32 } as const;
/** A panel of filters that is not full computes what nobody asked for. */
const FILTERS = 8;
/** Bytes that a call may take beside its arrays: very wide images may stay with onnxruntime. */
const SCRATCH = 2 ** 26;

/**
 * Null where a session runs the graph itself.
 * @param chosen nodes of the network that kernels compute
 */
export function piecesOf(graph: Graph, chosen: ReadonlySet<string>): Pieces | null {
  const pieces = kernelPieces(graph, kernelNodes(graph, chosen));
  if (!pieces) return null;
  const outputs = graph.outputs.map(({ name }) => name);
  const parts = pieces.map((piece) =>
    piece.kind === 'graph' ? graphPiece(piece.graph) : kernelCall(piece.node, piece.shapeOf),
  );
  const kept = new Set(outputs);
  const isRead = (name: string, from: number) =>
    parts.slice(from).some(({ inputs }) => inputs.includes(name));
  const open = new Set<string>();
  return {
    outputs,
    parts: parts.map((part, i) => {
      for (const name of part.kind === 'graph' ? part.gives : part.outputs.map((one) => one.name))
        if (!kept.has(name)) open.add(name);
      const done = [...open].filter((name) => !isRead(name, i + 1));
      for (const name of done) open.delete(name);
      return { part, done };
    }),
  };
}

function graphPiece(graph: Graph): GraphPiece & { readonly gives: readonly string[] } {
  const inputs = graph.inputs.map(({ name }) => name);
  return { kind: 'graph', model: encoded(graph), inputs, gives: graph.outputs.map(({ name }) => name) };
}

/**
 * Whether a convolution is one of them. It depends on shapes alone.
 * @param copies what would be copied between onnxruntime's heap and the kernels' memory
 */
export function isWorthAKernel(convolution: Convolution, copies: Copies): boolean {
  const shape = shapeOfBatch(convolution);
  const { batch, channels, height, width, filters, outHeight, outWidth, kernel } = shape;
  const [x, y] = [batch * channels * height * width, batch * filters * outHeight * outWidth];
  const products = y * channels * kernel[0] * kernel[1];
  const copied = (copies.x ? COPIED.x * x : 0) + (copies.y ? COPIED.y * y : 0);
  const isWorth = products >= FEWEST && products >= copied;
  const hasPads = shape.pads.every((pad) => pad >= 0);
  return hasPads && filters >= FILTERS && isWorth && convolutionScratch(shape) <= SCRATCH;
}
