/** The network of an imported encoder in a checkpoint's encoder.onnx, which is trusted no more than any other file. */
import { MocoError } from '../errors.ts';
import { movingBatchNorms } from './batch-norms.ts';
import type { Parameter } from './encoder-graph.ts';
import { type Graph, OPSET } from './graph.ts';
import { checkGraph } from './import/check.ts';
import { orInvalid, requirePreparable } from './limits.ts';
import { decodeWithMetadata } from './model.ts';
import { BATCH, type ImportedNetwork } from './network.ts';
import { inferShapes } from './shapes.ts';

/** Ten times what a model of anybody's may take to get ready: whoever trains one may have raised the limit. */
const SECONDS = 600;

/**
 * @throws MocoError model-invalid where it is no model, or not of the form that ImportedNetwork describes;
 * operator-unsupported, shape-mismatch
 */
export function networkFromFile(bytes: Uint8Array): ImportedNetwork {
  return orInvalid(() => readNetwork(bytes));
}

function readNetwork(bytes: Uint8Array): ImportedNetwork {
  const decoded = decodeWithMetadata(bytes);
  requirePreparable(decoded.graph.nodes.length, { seconds: SECONDS });
  const graph = checkGraph(decoded.graph);
  const network = { ...networkFromGraph(graph), ...buffersIn(decoded.metadata, graph) };
  const shapes = inferShapes(graph);
  for (const { name, shape } of graph.outputs) {
    const found = shapes.get(name) ?? [];
    const isVectors = found.length === 2 && found[0] === BATCH && typeof found[1] === 'number';
    if (!isVectors || String(shape) !== String(found)) throw invalid(`${name} comes out as [${found}]`);
  }
  return network;
}

function buffersIn(
  metadata: ReadonlyMap<string, string>,
  { constants }: Graph,
): Pick<ImportedNetwork, 'buffers'> {
  let names: unknown = null;
  try {
    names = JSON.parse(metadata.get('buffers') ?? '[]');
  } catch {
    // Refused below: null is no list.
  }
  if (Array.isArray(names) && names.every((name) => typeof name === 'string' && constants.has(name))) {
    return names.length > 0 ? { buffers: [...new Set(names as string[])] } : {};
  }
  throw invalid('its metadata does not list its buffers');
}

/**
 * A network from its graph alone.
 * @throws MocoError model-invalid where it is not of the form that ImportedNetwork describes
 */
export function networkFromGraph(graph: Graph): ImportedNetwork {
  const [image, ...others] = graph.inputs;
  const [batch, channels, height, width] = image?.shape ?? [];
  const isImage = image?.name === 'image' && image.type === 'float32' && image.shape.length === 4;
  const isSquare = batch === BATCH && channels === 3 && typeof height === 'number' && height === width;
  const outputs = graph.outputs.map(({ name }) => name);
  if (!isImage || !isSquare || graph.opset !== OPSET || String(outputs) !== 'embedding,features') {
    throw invalid('it is no encoder with image, embedding and features');
  }
  const open = others.find(
    ({ type, shape }) => type !== 'float32' || shape.some((size) => typeof size !== 'number'),
  );
  if (open) throw invalid(`its weight ${open.name} has no fixed shape`);
  const isInput = new Set(others.map(({ name }) => name));
  const statistics = new Set<string>();
  for (const { name, inputs } of movingBatchNorms(graph)) {
    const own = [`${name}.running_mean`, `${name}.running_var`];
    if (inputs[3] !== own[0] || inputs[4] !== own[1] || !own.every((input) => isInput.has(input))) {
      throw invalid(`BatchNormalization ${name} has no running statistics of its name`);
    }
    for (const input of own) statistics.add(input);
  }
  const parameters = others
    .filter(({ name }) => !statistics.has(name))
    .map(
      ({ name, shape }): Parameter => ({ name, shape: shape.map(Number), initialization: 'given', fanIn: 0 }),
    );
  return { graph, parameters };
}

function invalid(what: string): MocoError {
  return new MocoError('model-invalid', `the encoder's graph cannot be used: ${what}`);
}
