/**
 * Which constants of a model are trained. ONNX does not say: a parameter, a buffer and a number in the code are all
 * initializers or Constant nodes, so the place where one is used has to tell.
 */
import { MocoError } from '../../errors.ts';
import { floatAttribute } from '../attributes.ts';
import { count } from '../dims.ts';
import type { Constant, Graph, Node } from '../graph.ts';

export interface RunningStatistics {
  /** Names of the running mean and variance, [channels] each. */
  readonly mean: string;
  readonly variance: string;
  readonly epsilon: number;
  /** ONNX's: running = running · momentum + batch's · (1 − momentum). PyTorch's is 1 minus that. */
  readonly momentum: number;
}

export interface Trained {
  readonly weights: ReadonlySet<string>;
  /** By the name of the BatchNormalization node. */
  readonly statistics: ReadonlyMap<string, RunningStatistics>;
}

/** Inputs that hold parameters and nothing else, whether their values came as an initializer or from a Constant node. */
const PARAMETERS: ReadonlyMap<string, readonly number[]> = new Map([
  ['Conv', [1, 2]],
  ['ConvTranspose', [1, 2]],
  ['Gemm', [0, 1, 2]],
  ['PRelu', [1]],
]);
/** A layer without scale and shift of its own is written with constants of ones and zeros. */
const NORMALIZATIONS: ReadonlySet<string> = new Set([
  'BatchNormalization',
  'InstanceNormalization',
  'LayerNormalization',
  'GroupNormalization',
]);
/** Inputs that only steer: no gradient comes out of them. null: all of the operator's. */
const STEERING: ReadonlyMap<string, readonly number[] | null> = new Map<string, readonly number[] | null>([
  ['Where', [0]],
  ['Clip', [1, 2]],
  ['Pad', [2]],
  ['Dropout', [1, 2]],
  ...['Resize', 'Upsample'].map((op) => [op, [1, 2, 3]] as const),
  ...['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual', 'Range', 'ArgMax', 'ArgMin', 'Mod'].map(
    (op) => [op, null] as const,
  ),
]);

/** Names that exporters give to what has none in the module: `onnx::Mul_12`, `/norm/Constant_output_0`, `42`. */
const NUMBERED = /^(onnx::|\/|\d+$)/;

/**
 * Weights are the parameters of layers, and initializers that take part in arithmetic (position embeddings, class tokens,
 * layer scale), but for single values that have no name in the module: these are numbers in its code. Running statistics are never weights.
 * @param initializers the names among the graph's constants that are initializers in the file
 * @param frozen initializers that are to stay as they are
 * @throws MocoError usage for a name in `frozen` that is no initializer
 */
export function findWeights(
  graph: Graph,
  initializers: ReadonlySet<string>,
  frozen: readonly string[],
  notes: string[],
): Trained {
  const unknown = frozen.find((name) => !graph.constants.has(name));
  if (unknown !== undefined) throw new MocoError('usage', `frozen: the model has no initializer ${unknown}`);
  const source = identities(graph.nodes);
  const statistics = runningStatistics(graph, source);
  const never = new Set([...frozen, ...[...statistics.values()].flatMap((s) => [s.mean, s.variance])]);
  const found = new Set<string>();
  const single = new Set<string>();
  for (const node of graph.nodes) {
    node.inputs.forEach((input, slot) => {
      const name = source(input);
      const constant = graph.constants.get(name);
      if (constant?.type !== 'float32' || never.has(name) || found.has(name)) return;
      const initializer = initializers.has(name);
      if (isParameter(node, slot, constant, initializer)) found.add(name);
      else if (initializer && node.op !== 'Identity' && !steers(node, slot)) {
        if (count(constant.shape) > 1 || !NUMBERED.test(name)) found.add(name);
        else single.add(name);
      }
    });
  }
  for (const name of single) {
    if (!found.has(name)) notes.push(`initializer ${name} holds one value, and is taken for a constant`);
  }
  // In the order of the file, in which exporters write parameters as the module lists them.
  return { weights: new Set([...graph.constants.keys()].filter((name) => found.has(name))), statistics };
}

function isParameter(node: Node, slot: number, constant: Constant, initializer: boolean): boolean {
  if (PARAMETERS.get(node.op)?.includes(slot)) return true;
  if (!NORMALIZATIONS.has(node.op) || (slot !== 1 && slot !== 2)) return false;
  const neutral = slot === 1 ? 1 : 0;
  return initializer || !(constant.data as Float32Array).every((x) => x === neutral);
}

function steers(node: Node, slot: number): boolean {
  const slots = STEERING.get(node.op);
  return slots === null || slots?.includes(slot) === true;
}

function runningStatistics(graph: Graph, source: (name: string) => string): Map<string, RunningStatistics> {
  const layers = graph.nodes.filter(({ op }) => op === 'BatchNormalization');
  return new Map(
    layers.map((node) => {
      const [mean, variance] = [3, 4].map((slot) => source(node.inputs[slot] ?? ''));
      for (const name of [mean!, variance!]) {
        if (graph.constants.get(name)?.type === 'float32') continue;
        throw new MocoError(
          'model-invalid',
          `node ${node.name} (BatchNormalization): its running statistics ${name} are no float32 constant`,
        );
      }
      const epsilon = floatAttribute(node, 'epsilon', 1e-5);
      const momentum = floatAttribute(node, 'momentum', 0.9);
      return [node.name, { mean: mean!, variance: variance!, epsilon, momentum }];
    }),
  );
}

/** torch shares one initializer between layers through Identity nodes: the name that stands at their beginning. */
function identities(nodes: readonly Node[]): (name: string) => string {
  const from = new Map<string, string>();
  for (const { op, inputs, outputs } of nodes) {
    if (op === 'Identity') from.set(outputs[0]!, from.get(inputs[0]!) ?? inputs[0]!);
  }
  return (name) => from.get(name) ?? name;
}
