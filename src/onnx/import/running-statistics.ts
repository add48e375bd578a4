/** BatchNormalization layers: where their running statistics are, and whether training moves them. */
import { floatAttribute, intAttribute } from '../attributes.ts';
import type { Graph, Node } from '../graph.ts';

export interface RunningStatistics {
  /** Names of the running mean and variance, [channels] each. */
  readonly mean: string;
  readonly variance: string;
  readonly epsilon: number;
  /** ONNX's: running = running · momentum + batch's · (1 − momentum). PyTorch's is 1 minus that. */
  readonly momentum: number;
  /** It normalizes by its running statistics in training too, and keeps them. */
  readonly frozen: boolean;
}

/**
 * Layers with running statistics, by the name of their node. Others normalize by numbers that the graph computes.
 * A layer in inference mode is frozen where others of the model are in training mode: its author wanted it so. Where all
 * are in inference mode, the model was exported for inference, which says nothing about its training.
 * @param isFrozen what the caller says of a name; null: nothing
 */
export function runningStatistics(
  graph: Graph,
  source: (name: string) => string,
  isFrozen: (name: string) => boolean | null,
): Map<string, RunningStatistics> {
  const layers = graph.nodes.filter(
    (node) => node.op === 'BatchNormalization' && hasStatistics(graph, node, source),
  );
  const forTraining = graph.nodes.some((node) => node.op === 'BatchNormalization' && isTrainingMode(node));
  return new Map(
    layers.map((node) => {
      const [mean, variance] = [3, 4].map((slot) => source(node.inputs[slot] ?? ''));
      const epsilon = floatAttribute(node, 'epsilon', 1e-5);
      const momentum = floatAttribute(node, 'momentum', 0.9);
      const frozen = isFrozen(mean!) ?? (forTraining && !isTrainingMode(node));
      return [node.name, { mean: mean!, variance: variance!, epsilon, momentum, frozen }];
    }),
  );
}

/** Whether its mean and variance are constants, and not computed from a batch or from weights. */
export function hasStatistics(
  { constants }: Pick<Graph, 'constants'>,
  node: Node,
  source: (name: string) => string = (name) => name,
): boolean {
  return [3, 4].every((slot) => constants.get(source(node.inputs[slot] ?? ''))?.type === 'float32');
}

/** Said by an attribute since opset 14, and before by the outputs for the batch's statistics. */
export function isTrainingMode(node: Node): boolean {
  return intAttribute(node, 'training_mode', node.outputs.length > 1 ? 1 : 0) !== 0;
}
