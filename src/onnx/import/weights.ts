/**
 * Which constants of a model are trained. ONNX does not say: a parameter, a buffer and a number in the code are all
 * initializers or Constant nodes, so the place where one is used has to tell, and of buffers also name and values.
 */

import { usualMomentum } from '../batch-norms.ts';
import { count } from '../dims.ts';
import type { Constant, Graph, Node } from '../graph.ts';
import { frozenBatchNorms, isFixedFilter, whyBuffer } from './buffers.ts';
import { matching } from './globs.ts';
import { type RunningStatistics, runningStatistics } from './running-statistics.ts';

export interface Trained {
  readonly weights: ReadonlySet<string>;
  /** By the name of the BatchNormalization node. */
  readonly statistics: ReadonlyMap<string, RunningStatistics>;
  /** Named initializers that stay as they are. */
  readonly buffers: ReadonlySet<string>;
  /** Of each initializer and parameter, in the order of the file. */
  readonly roles: readonly Role[];
}

/** What becomes of a constant of the model, and why. */
export interface Role {
  readonly name: string;
  readonly elements: number;
  /** `statistics`: moves with the batches, by a BatchNorm's momentum. */
  readonly role: 'trained' | 'frozen' | 'statistics';
  readonly why: string;
}

/** What the caller says about it. */
export interface Choice {
  /** Names or patterns of what is to stay as it is, `*` and `?` for any characters; of a BatchNorm's running mean: it uses and keeps them. */
  readonly frozen?: string | readonly string[] | undefined;
  /** What is to be trained, whatever the rules and `frozen` say. */
  readonly train?: string | readonly string[] | undefined;
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

/** Names that exporters give to what has none in the module: `onnx::Mul_12`, `/norm/Constant_output_0`, `42`; of torch.export `val_3`. */
const NUMBERED = /^(onnx::|\/|\d+$|val_\d+$|lifted_tensor_|c_lifted_|_tensor_constant)/;
const isNumbered = (name: string) => NUMBERED.test(name);

/**
 * Weights are the parameters of layers, and initializers that take part in arithmetic (position embeddings, class tokens,
 * layer scale), but for buffers and for single values that have no name in the module: these are numbers in its code.
 * Running statistics are never weights.
 * @param initializers the names among the graph's constants that are initializers in the file
 * @param input constants that normalize the images
 * @throws MocoError usage for a pattern that matches no initializer
 */
export function findWeights(
  graph: Graph,
  initializers: ReadonlySet<string>,
  choice: Choice,
  input: ReadonlySet<string>,
): Trained {
  const names = [...graph.constants.keys()];
  const [asked, wanted] = [matching('frozen', choice.frozen, names), matching('train', choice.train, names)];
  const source = identities(graph.nodes);
  const isFrozen = (name: string) => (wanted.has(name) ? false : asked.has(name) ? true : null);
  const statistics = runningStatistics(graph, source, isFrozen);
  const running = new Map(
    [...statistics.values()].flatMap((s) => [s.mean, s.variance].map((name) => [name, s])),
  );
  const frozenNorms = frozenBatchNorms(graph, new Set(running.keys()), isNumbered);
  const uses = usesOf(graph, source, initializers);

  const roles: Role[] = [];
  for (const [name, constant] of graph.constants) {
    const use = uses.get(name);
    const layer = running.get(name);
    const elements = count(constant.shape);
    const tell = (role: Role['role'], why: string) => roles.push({ name, elements, role, why });
    if (constant.type !== 'float32') continue;
    if (layer) tell(...roleOfStatistic(layer, asked.has(name)));
    else if (!use || use === 'steers' || (!initializers.has(name) && use !== 'parameter')) continue;
    else if (wanted.has(name)) tell('trained', 'asked for by train');
    else if (asked.has(name)) tell('frozen', 'asked for by frozen');
    else if (input.has(name)) tell('frozen', 'normalizes the images');
    else if (frozenNorms.has(name)) tell('frozen', 'of a BatchNorm that its author froze');
    else {
      const buffer =
        use === 'filter' && isFixedFilter(constant)
          ? 'filters that are all the same'
          : whyBuffer(name, constant);
      if (buffer !== null) tell('frozen', buffer);
      else if (use === 'parameter' || use === 'filter') tell('trained', 'parameter of a layer');
      else if (elements > 1 || !isNumbered(name)) tell('trained', 'takes part in arithmetic');
      else tell('frozen', 'one value without a name: a number of the code');
    }
  }
  const having = (role: Role['role']) => roles.filter((entry) => entry.role === role).map(({ name }) => name);
  return {
    weights: new Set(having('trained')),
    statistics,
    buffers: new Set(having('frozen').filter((name) => initializers.has(name) && !running.has(name))),
    roles,
  };
}

function roleOfStatistic({ frozen, momentum }: RunningStatistics, asked: boolean): [Role['role'], string] {
  if (!frozen)
    return ['statistics', `running statistics of a BatchNorm of momentum ${usualMomentum(momentum)}`];
  return ['frozen', asked ? 'asked for by frozen' : 'running statistics of a BatchNorm in inference mode'];
}

type Use = 'filter' | 'parameter' | 'arithmetic' | 'steers';

/** The strongest use of each constant: one that is a parameter somewhere is one. */
function usesOf(
  graph: Graph,
  source: (name: string) => string,
  initializers: ReadonlySet<string>,
): ReadonlyMap<string, Use> {
  const strength: readonly Use[] = ['steers', 'arithmetic', 'parameter', 'filter'];
  const uses = new Map<string, Use>();
  for (const node of graph.nodes) {
    if (node.op === 'Identity') continue;
    node.inputs.forEach((input, slot) => {
      const name = source(input);
      const constant = graph.constants.get(name);
      if (constant?.type !== 'float32') return;
      const use: Use = isParameter(node, slot, constant, initializers.has(name))
        ? node.op === 'Conv' && slot === 1
          ? 'filter'
          : 'parameter'
        : steers(node, slot)
          ? 'steers'
          : 'arithmetic';
      const before = uses.get(name);
      if (before === undefined || strength.indexOf(use) > strength.indexOf(before)) uses.set(name, use);
    });
  }
  return uses;
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

/** torch shares one initializer between layers through Identity nodes: the name that stands at their beginning. */
function identities(nodes: readonly Node[]): (name: string) => string {
  const from = new Map<string, string>();
  for (const { op, inputs, outputs } of nodes) {
    if (op === 'Identity') from.set(outputs[0]!, from.get(inputs[0]!) ?? inputs[0]!);
  }
  return (name) => from.get(name) ?? name;
}
