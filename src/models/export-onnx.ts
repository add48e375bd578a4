/** A trained encoder as one ONNX file that any ONNX runtime runs. */
import { queryValues } from '../checkpoint/contents.ts';
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import type { FeatureKind } from '../encoder/embeddings.ts';
import { MocoError } from '../errors.ts';
import { foldBatchNorm, foldWeights } from '../onnx/fold.ts';
import { type Graph, GraphBuilder } from '../onnx/graph.ts';
import { encodeModel } from '../onnx/model.ts';
import { BATCH, buildNetwork } from '../onnx/network.ts';
import { sliceFor } from '../onnx/slice.ts';
import { networkOf } from './choose-network.ts';
import { formatPreprocessing, preprocessingOf } from './preprocessing.ts';

/** Lengths below this count as this: what embedImages and torch.nn.functional.normalize do. */
const LEAST_LENGTH = 1e-12;

/** See `exportOnnx` of page/files.ts, which calls it where it may take its time. */
export function exportOnnx(checkpoint: LoadedCheckpoint, features: FeatureKind): Uint8Array {
  const { config } = checkpoint.state;
  const spec = networkOf(config, checkpoint.network);
  const folded = foldBatchNorm(buildNetwork(spec, BATCH, config.imageSize).graph);
  const weights = foldWeights(folded, queryValues(checkpoint.tensors));
  for (const [name, values] of weights) {
    const bad = values.find((value) => !Number.isFinite(value));
    if (bad === undefined) continue;
    const what = `${name} is ${bad} once BatchNorm is folded in: the checkpoint's weights have gone wrong`;
    throw new MocoError('features-not-finite', `${what}. Take an earlier one`);
  }
  const graph = withWeights(folded.graph, weights, features);
  return encodeModel(graph, {
    preprocessing: formatPreprocessing(preprocessingOf(config)),
    encoder: config.arch,
    step: String(checkpoint.state.step),
  });
}

function withWeights(graph: Graph, weights: ReadonlyMap<string, Float32Array>, features: FeatureKind): Graph {
  const output = features === 'head' ? 'embedding' : 'features';
  const { nodes, needed } = sliceFor(graph, [output]);
  const g = new GraphBuilder('encoder', 'x');
  for (const { name, shape, type } of graph.inputs) {
    if (!needed.has(name)) continue;
    const data = weights.get(name);
    if (data) g.constant(name, { type: 'float32', shape: shape.map(Number), data });
    else g.input(name, shape, type);
  }
  for (const [name, constant] of graph.constants) if (needed.has(name)) g.constant(name, constant);
  // The head's output is called `embedding` when its rows have unit length.
  const raw = 'embedding.raw';
  const rename = (name: string) => (features === 'head' && name === 'embedding' ? raw : name);
  for (const node of nodes) g.node({ ...node, name: rename(node.name), outputs: node.outputs.map(rename) });
  if (features === 'head') {
    const length = g.op('ReduceL2', [raw], { axes: [1], keepdims: 1 });
    g.op('Div', [raw, g.op('Max', [length, g.scalar(LEAST_LENGTH)])], {}, 'embedding');
  }
  const shape = graph.outputs.find(({ name }) => name === output)!.shape;
  g.output(output, shape);
  return g.build();
}
