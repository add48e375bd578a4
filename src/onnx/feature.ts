/** Where an imported classifier's features are: the value that the projection head takes the place of the classifier at. */
import { MocoError } from '../errors.ts';
import type { Graph, Node, Shape } from './graph.ts';
import { inferShapes } from './shapes.ts';

/**
 * The name of the feature value [batch, F] or feature map [batch, F, H, W]: what was asked for, or the last place where
 * a feature map or a sequence becomes one vector an image. What comes after it (a classifier, or a head of several
 * layers) is left out.
 * @throws MocoError usage where a named feature does not exist or has another form, model-invalid where none is found
 */
export function findFeature(graph: Graph, named?: string): string {
  const shapes = inferShapes(graph);
  if (named !== undefined) {
    const shape = shapes.get(named);
    if (shape && isFeature(graph, shape)) return named;
    const what = shape ? `has the shape [${shape}], not [batch, features]` : 'does not exist';
    throw new MocoError('usage', `feature ${named} ${what}; ${suggestions(graph, shapes)}`);
  }
  const [output] = graph.outputs;
  if (!output) throw new MocoError('model-invalid', `model ${graph.name} has no output`);
  const outputShape = shapes.get(output.name) ?? [];
  if (outputShape.length === 4) return output.name;
  const reduced = graph.nodes.findLast(
    (node) => becomesVector(graph, node, shapes) && reaches(graph, node, output.name),
  );
  if (reduced) return reduced.outputs[0]!;
  throw new MocoError(
    'model-invalid',
    `no feature was found in model ${graph.name}: name the value [batch, features] that the projection head ` +
      `should take; ${suggestions(graph, shapes)}`,
  );
}

function isFeature(graph: Graph, shape: Shape): boolean {
  const batch = graph.inputs.find(({ name }) => name === imageName(graph))?.shape[0];
  return (shape.length === 2 || shape.length === 4) && shape[0] === batch;
}

/** [batch, F] of something that has more dimensions. */
function becomesVector(graph: Graph, node: Node, shapes: ReadonlyMap<string, Shape>): boolean {
  const shape = shapes.get(node.outputs[0]!) ?? [];
  return shape.length === 2 && isFeature(graph, shape) && (shapes.get(node.inputs[0]!)?.length ?? 0) > 2;
}

function reaches(graph: Graph, from: Node, output: string): boolean {
  const values = new Set(from.outputs);
  for (const node of graph.nodes) {
    if (node.inputs.some((name) => values.has(name))) for (const name of node.outputs) values.add(name);
  }
  return values.has(output);
}

/** The image is the only input that no initializer stands for: it comes first. */
function imageName(graph: Graph): string {
  return graph.inputs[0]?.name ?? '';
}

const SHOWN = 5;

function suggestions(graph: Graph, shapes: ReadonlyMap<string, Shape>): string {
  const names = graph.nodes
    .flatMap(({ outputs }) => outputs)
    .filter((name) => isFeature(graph, shapes.get(name) ?? []) && shapes.get(name)?.length === 2);
  if (names.length === 0) return 'the model has no value of the shape [batch, features]';
  return `values of that shape: ${names.slice(-SHOWN).join(', ')}`;
}
