/** A model that some training framework exported, in the form that autodiff/ takes. */
import { MocoError } from '../../errors.ts';
import type { Constant, Graph, Node, Value } from '../graph.ts';
import { Budget, orInvalid } from '../limits.ts';
import { decodeWithMetadata } from '../model.ts';
import { inferShapes } from '../shapes.ts';
import { inferTypes } from '../types.ts';
import { checkGraph } from './check.ts';
import { hoistConstants } from './constants.ts';
import { openBatch } from './fixed-batch.ts';
import type { ImportOptions } from './import-options.ts';
import { type InputRange, inputRange } from './input-range.ts';
import { fixInput, imageOf } from './inputs.ts';
import { prune } from './prune.ts';
import { type RangeHint, rangeHint } from './range-hint.ts';
import type { RunningStatistics } from './running-statistics.ts';
import { simplify } from './simplify.ts';
import { toFloat32 } from './to-float32.ts';
import { findWeights, type Role } from './weights.ts';

export interface ImportedModel {
  /** Opset 17. Its inputs are the images, the weights, the running statistics, in this order. */
  readonly graph: Graph;
  /** The images, float32: [batch, channels, height, width] for an encoder; only the batch may be open. */
  readonly input: Value;
  readonly outputs: readonly Value[];
  /** Values of the weights by their names in the file, in its order. */
  readonly weights: ReadonlyMap<string, Constant>;
  /** Names of initializers that stay as they are, and are constants of the graph. */
  readonly buffers: readonly string[];
  /** Of each initializer and parameter, whether it is trained, and why. */
  readonly roles: readonly Role[];
  /** What the model does to its images first, and the range that they are to have for it. */
  readonly range: Pick<InputRange, 'normalize' | 'found'>;
  /** Where it does nothing to them: what names say of the images that it wants. */
  readonly rangeHint: RangeHint | null;
  /** By the name of the BatchNormalization node, in graph order; of layers that training moves. */
  readonly runningStatistics: ReadonlyMap<string, RunningStatistics>;
  /** Values of the running means and variances, by name. */
  readonly statistics: ReadonlyMap<string, Constant>;
  /** Whether there are convolutions and no normalization at all: an export for inference folds the layers away. */
  readonly foldedBatchNorm: boolean;
  /** What was changed or dropped, in words. */
  readonly notes: readonly string[];
}

/**
 * Reads an ONNX model of opset 7 to 23, as torch.onnx.export writes it.
 * @throws MocoError model-invalid for bytes that are no valid model; operator-unsupported, naming the node, for what we
 * cannot run; shape-mismatch where shapes do not fit; usage where the model is no encoder of one float32 input, or the
 * options do not fit it
 */
export function importModel(bytes: Uint8Array, options: ImportOptions = {}): ImportedModel {
  return orInvalid(() => readModel(bytes, options));
}

function readModel(bytes: Uint8Array, options: ImportOptions): ImportedModel {
  const notes: string[] = [];
  const budget = new Budget(options.limits);
  const decoded = decodeWithMetadata(bytes, options.externalData);
  const read = checkGraph(toFloat32(decoded.graph, notes));
  const initializers = new Set(read.constants.keys());
  const hoisted = hoistConstants(read);
  const range = inputRange(hoisted, imageOf(hoisted), initializers);
  const graph = dropSideOutputs(fixInput(hoisted, options), notes);
  const { weights, statistics, buffers, roles } = findWeights(graph, initializers, options, range.constants);
  const layers = [...statistics.values()];
  notes.push(...frozenNotes(roles));
  const held = layers.flatMap(({ mean, variance }) => [mean, variance]);
  const running = layers.flatMap(({ frozen, mean, variance }) => (frozen ? [] : [mean, variance]));
  const simple = simplify(markFrozen(graph, statistics), new Set([...weights, ...held, ...buffers]), budget);
  const kept = prune(dropOtherOutputs(simple, notes));
  const pruned = options.batch === 'open' ? openBatch(kept, budget) : kept;
  const foldedBatchNorm = hasNoNormalization(pruned.nodes);
  if (foldedBatchNorm) {
    notes.push(
      'there is no BatchNorm: an export for inference folds it into the convolutions. It is trained without; ' +
        'export with training=TrainingMode.TRAINING to keep it',
    );
  }
  const result = withInputs(pruned, weights, new Set(running));
  return {
    ...result,
    buffers: [...buffers, ...held].filter((name) => result.graph.constants.has(name)),
    roles: roles.filter(({ name }) => pruned.constants.has(name)),
    range: { normalize: range.normalize, found: range.found },
    rangeHint:
      range.normalize === null ? rangeHint(initializers, [read.name, ...[...decoded.metadata].flat()]) : null,
    runningStatistics: new Map(
      [...statistics].filter(([, { frozen, mean }]) => !frozen && pruned.constants.has(mean)),
    ),
    foldedBatchNorm,
    notes,
  };
}

const SHOWN = 4;

/** Initializers that stay as they are, by reason: statistics of BatchNorm layers are told of by their number. */
function frozenNotes(roles: readonly Role[]): string[] {
  const reasons = new Map<string, string[]>();
  for (const { name, role, why } of roles) {
    if (role !== 'frozen') continue;
    const names = reasons.get(why);
    if (names) names.push(name);
    else reasons.set(why, [name]);
  }
  return [...reasons].map(([why, names]) => {
    const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
    return `not trained: ${names.slice(0, SHOWN).join(', ')}${more} (${why})`;
  });
}

/** Says of each BatchNormalization whether it is frozen, in the form of batch-norms.ts. */
function markFrozen(graph: Graph, statistics: ReadonlyMap<string, RunningStatistics>): Graph {
  const nodes = graph.nodes.map((node): Node => {
    const layer = node.op === 'BatchNormalization' ? statistics.get(node.name) : undefined;
    if (!layer) return node;
    const { training_mode: _, ...attributes } = node.attributes;
    return { ...node, attributes: layer.frozen ? { ...attributes, training_mode: 0 } : attributes };
  });
  return { ...graph, nodes };
}

/** Outputs of the model that only training has: statistics of a BatchNormalization, masks of a Dropout. */
function dropSideOutputs(graph: Graph, notes: string[]): Graph {
  const side = new Set<string>();
  const dropouts = graph.nodes.filter(({ op }) => op === 'Dropout');
  if (dropouts.length > 0) {
    const [first] = dropouts;
    notes.push(`dropout is not applied in training: ${dropouts.length} layers, ${first!.name} the first`);
  }
  for (const node of graph.nodes) {
    if (node.op === 'Dropout' || node.op === 'BatchNormalization') {
      for (const output of node.outputs.slice(1)) side.add(output);
    }
  }
  const outputs = graph.outputs.filter(({ name }) => !side.has(name));
  if (outputs.length < graph.outputs.length) notes.push('outputs of batch statistics or masks were dropped');
  return { ...graph, outputs };
}

/** Outputs that are no function of the images, or not float32. Shapes of the others as they are inferred. */
function dropOtherOutputs(graph: Graph, notes: string[]): Graph {
  const depends = new Set(graph.inputs.map(({ name }) => name));
  for (const node of graph.nodes) {
    if (node.inputs.some((name) => depends.has(name))) for (const output of node.outputs) depends.add(output);
  }
  const types = inferTypes(graph);
  const outputs = graph.outputs.filter(({ name }) => {
    const kept = depends.has(name) && types.get(name) === 'float32';
    if (!kept) notes.push(`output ${name} was dropped: it is not float32, or does not depend on the images`);
    return kept;
  });
  if (outputs.length === 0)
    throw new MocoError('usage', 'no output of the model is computed from the images');
  const shapes = inferShapes(graph);
  return {
    ...graph,
    outputs: outputs.map(({ name }) => ({ name, type: 'float32', shape: shapes.get(name)! })),
  };
}

function withInputs(graph: Graph, weights: ReadonlySet<string>, running: ReadonlySet<string>) {
  const held = (names: ReadonlySet<string>) =>
    new Map([...graph.constants].filter(([name]) => names.has(name)));
  const [weightValues, statistics] = [held(weights), held(running)];
  const given = [...weightValues, ...statistics];
  const [input] = graph.inputs;
  const inputs = [input!, ...given.map(([name, { type, shape }]): Value => ({ name, type, shape }))];
  const constants = new Map(
    [...graph.constants].filter(([name]) => !weightValues.has(name) && !statistics.has(name)),
  );
  const complete: Graph = { ...graph, inputs, constants };
  return { graph: complete, input: input!, outputs: graph.outputs, weights: weightValues, statistics };
}

const NORMALIZATION = /Normalization$|^Sqrt$/;

/** Sqrt: before opset 17, a layer normalization is written in its parts. */
function hasNoNormalization(nodes: readonly Node[]): boolean {
  return nodes.some(({ op }) => op === 'Conv') && !nodes.some(({ op }) => NORMALIZATION.test(op));
}
