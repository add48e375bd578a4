/** Convolutions of a graph that our kernel computes between runs of what is left of it. */
import { convolutionPieces, type KernelConvolution } from '../autodiff/convolution-pieces.ts';
import type { Convolution } from '../autodiff/images.ts';
import { convolutionScratch } from '../kernels/convolution.ts';
import type { ConvolutionShape } from '../kernels/convolution-shape.ts';
import type { Graph } from '../onnx/graph.ts';
import { encoded } from './encoded-model.ts';
import { convolutionShape } from './kernel-part.ts';
import type { ConvolutionPart, GraphPiece, Pieces } from './training-plan.ts';

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

/** What is run in the place of a graph for wasm; null where that is the graph itself. Which convolutions are taken depends on their shapes alone. */
export function piecesOf(graph: Graph): Pieces | null {
  const pieces = convolutionPieces(graph, takes);
  if (!pieces) return null;
  const outputs = graph.outputs.map(({ name }) => name);
  const parts = pieces.map((piece) =>
    piece.kind === 'graph' ? graphPiece(piece.graph) : convolutionPart(piece),
  );
  const kept = new Set(outputs);
  const read = parts.map((part) => new Set(part.kind === 'graph' ? part.inputs : [part.x, part.weight]));
  const isRead = (name: string, from: number) => read.slice(from).some((names) => names.has(name));
  const open = new Set<string>();
  return {
    outputs,
    parts: parts.map((part, i) => {
      for (const name of part.kind === 'graph' ? part.gives : [part.y]) if (!kept.has(name)) open.add(name);
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

function convolutionPart({ x, weight, y, convolution }: KernelConvolution): ConvolutionPart {
  return { kind: 'convolution', x, weight, y, convolution: shapeOf(convolution) };
}

function takes(convolution: Convolution): boolean {
  const shape = shapeOf(convolution);
  const { batch, channels, height, width, filters, outHeight, outWidth, kernel } = shape;
  const [x, y] = [batch * channels * height * width, batch * filters * outHeight * outWidth];
  const products = y * channels * kernel[0] * kernel[1];
  const isWorth = products >= FEWEST && products >= COPIED.x * x + COPIED.y * y;
  const hasPads = shape.pads.every((pad) => pad >= 0);
  return hasPads && filters >= FILTERS && isWorth && convolutionScratch(shape) <= SCRATCH;
}

function shapeOf(convolution: Convolution): ConvolutionShape {
  return { batch: Number(convolution.batch), ...convolutionShape(convolution) };
}
