/** Where an imported encoder's features are: the value that the projection head takes the place of the classifier at. */
import { MocoError } from '../errors.ts';
import type { Graph, Shape } from './graph.ts';
import { inferShapes } from './shapes.ts';
import { sliceFor } from './slice.ts';

export interface Feature {
  readonly name: string;
  /** [batch, F], a feature map [batch, F, H, W], or tokens [batch, T, F]. */
  readonly kind: 'vector' | 'map' | 'tokens';
  /** In words, e.g. `tokens /Add_output_0 [batch, 17, 32], their mean`. */
  readonly says: string;
}

export interface FeatureOptions {
  /** The value's name; left out, it is searched for. */
  readonly feature?: string | undefined;
  /** Takes tokens, where there are some. */
  readonly pool?: string | undefined;
}

/** What exporters call a vector that stands for the image. */
const POOLED = /pool/i;
const KINDS = { 2: 'vector', 3: 'tokens', 4: 'map' } as const;

/**
 * What was asked for; with `pool`, the tokens that the model gives, or the last before it makes a vector of them. Else an
 * output [batch, F] that is called pooled, or stands behind tokens; or, on the way to the first output that is no tokens,
 * the last place where a feature map or a sequence becomes one vector an image: what comes after it (a classifier, or a
 * head of several layers) is left out.
 * @throws MocoError usage where a named feature does not exist or has another form, or the model gives tokens and nobody
 * says what to make of them; model-invalid where none is found
 */
export function findFeature(graph: Graph, { feature: named, pool }: FeatureOptions = {}): Feature {
  const shapes = inferShapes(graph);
  const shapeOf = (name: string) => shapes.get(name) ?? [];
  const found = (name: string): Feature => {
    const shape = shapeOf(name);
    const kind = KINDS[shape.length as 2 | 3 | 4];
    const how = kind !== 'tokens' ? '' : pool === 'first' ? ', the first of them' : ', their mean';
    const what = kind === 'vector' ? 'vectors' : kind === 'map' ? 'feature maps' : 'tokens';
    return { name, kind, says: `${what} ${name} [${shape.join(', ')}]${how}` };
  };
  if (named !== undefined) {
    if (isFeature(graph, shapeOf(named), pool !== undefined)) return found(named);
    const shape = shapes.get(named);
    const tokens = shape?.length === 3 && pool === undefined ? ' (of tokens, say --pool first or mean)' : '';
    const what = shape ? `has the shape [${shape}], not [batch, features]${tokens}` : 'does not exist';
    throw new MocoError('usage', `feature ${named} ${what}; ${suggestions(graph, shapes)}`);
  }
  const [first] = graph.outputs;
  if (!first) throw new MocoError('model-invalid', `model ${graph.name} has no output`);
  const ofRank = (rank: number) =>
    graph.outputs.filter(
      ({ name }) => shapeOf(name).length === rank && isFeature(graph, shapeOf(name), true),
    );
  const [tokens] = ofRank(3);
  if (pool !== undefined) {
    const last =
      tokens?.name ??
      lastBefore(graph, first.name, (shape) => shape.length === 3 && isFeature(graph, shape, true));
    if (last !== undefined) return found(last);
    throw new MocoError('usage', `pool ${pool}: the model has no tokens [batch, T, C]: leave it out`);
  }
  const vectors = ofRank(2);
  const pooled = vectors.find(({ name }) => POOLED.test(name)) ?? (tokens === first ? vectors[0] : undefined);
  if (pooled) return found(pooled.name);
  const start =
    graph.outputs.find((output) => output !== tokens && [2, 4].includes(shapeOf(output.name).length)) ??
    first;
  if (shapeOf(start.name).length === 4) return found(start.name);
  const reduced = lastReduction(graph, start.name, shapes);
  if (reduced !== undefined) return found(reduced);
  if (tokens) {
    throw new MocoError(
      'usage',
      `the model gives tokens ${tokens.name} [${shapeOf(tokens.name).join(', ')}] and no vector an image: say --pool first ` +
        '(a class token) or --pool mean',
    );
  }
  throw new MocoError(
    'model-invalid',
    `no feature was found in model ${graph.name}: name the value [batch, features] that the projection head ` +
      `should take; ${suggestions(graph, shapes)}`,
  );
}

function isFeature(graph: Graph, shape: Shape, withTokens = false): boolean {
  const batch = graph.inputs[0]?.shape[0];
  return (
    (shape.length === 2 || shape.length === 4 || (withTokens && shape.length === 3)) && shape[0] === batch
  );
}

/** The last node before `output` that makes [batch, F] of something that has more dimensions. */
function lastReduction(graph: Graph, output: string, shapes: ReadonlyMap<string, Shape>): string | undefined {
  const shapeOf = (name: string) => shapes.get(name) ?? [];
  const { nodes } = sliceFor(graph, [output]);
  return nodes.findLast(({ inputs, outputs }) => {
    const shape = shapeOf(outputs[0]!);
    return shape.length === 2 && isFeature(graph, shape) && shapeOf(inputs[0]!).length > 2;
  })?.outputs[0];
}

function lastBefore(graph: Graph, output: string, fits: (shape: Shape) => boolean): string | undefined {
  const shapes = inferShapes(graph);
  const { nodes } = sliceFor(graph, [output]);
  return nodes.findLast(({ outputs }) => fits(shapes.get(outputs[0]!) ?? []))?.outputs[0];
}

const SHOWN = 5;

function suggestions(graph: Graph, shapes: ReadonlyMap<string, Shape>): string {
  const names = graph.nodes
    .flatMap(({ outputs }) => outputs)
    .filter((name) => isFeature(graph, shapes.get(name) ?? []) && shapes.get(name)?.length === 2);
  if (names.length === 0) return 'the model has no value of the shape [batch, features]';
  return `values of that shape: ${names.slice(-SHOWN).join(', ')}`;
}
