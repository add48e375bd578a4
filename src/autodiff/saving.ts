/**
 * What the forward pass has to keep for the backward pass, and what the backward pass computes again from it (Chen, Xu,
 * Zhang, Guestrin, "Training Deep Nets with Sublinear Memory Cost", arXiv:1604.06174, section 3: dropping the results of
 * operations that are cheap).
 */
import type { Node } from '../onnx/graph.ts';
import type { Rule } from './rule.ts';

/**
 * How much the backward pass computes again. `least`: what takes a single pass over values that are kept anyway
 * (normalization, activations). `cheap`: everything but convolutions, matrix products and pooling. `nothing`: for a
 * backward graph that is run together with its forward graph, and reads what it wants from there.
 */
export type Recompute = 'nothing' | 'least' | 'cheap';

export interface SavingInputs {
  /** Values that rules ask for in the backward graph. */
  readonly asked: ReadonlySet<string>;
  /** Nodes in graph order. */
  readonly nodes: readonly Node[];
  readonly recompute: Recompute;
  ruleOf(node: Node): Rule | undefined;
  /** Whether the backward graph has the value anyway: an input or a constant. */
  isGiven(name: string): boolean;
  /** Elements of a value (of one image), infinite for one that cannot be kept. */
  size(name: string): number;
}

/** Values that are looked at to tell what one of them costs. Real networks have few between what is kept anyway. */
const FARTHEST = 256;

/** The names of values to compute again; what else is asked for is kept. */
export function chooseRecomputed(inputs: SavingInputs): ReadonlySet<string> {
  const { asked, nodes, recompute, ruleOf, isGiven } = inputs;
  const size = remembered(inputs.size);
  const producer = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const recomputed = new Set<string>();

  /** What `name` would be computed from, or null where that is not cheap. */
  const sources = remembered((name: string): readonly string[] | null => {
    const node = producer.get(name);
    const rule = node && ruleOf(node);
    const cheap = node && typeof rule?.cheap === 'function' ? rule.cheap(node, isGiven) : rule?.cheap;
    if (
      !node ||
      !rule ||
      !cheap ||
      recompute === 'nothing' ||
      (recompute === 'least' && cheap !== 'one-pass')
    )
      return null;
    const from = rule.recomputeFrom?.(node) ?? node.inputs;
    return from.filter((input) => input !== '');
  });
  let looked = 0;
  const kept = new Set([...asked].filter((name) => sources(name) === null));
  const isFree = (name: string) => isGiven(name) || kept.has(name) || recomputed.has(name);
  /** How many more elements would have to be kept for a value to be there; a value is never visited twice. */
  const cost = (name: string, visited: Set<string>): number => {
    if (isFree(name) || visited.has(name)) return 0;
    // Of a longer chain this value is worth keeping, and nothing has to be followed to its beginning again and again.
    if (++looked > FARTHEST) return size(name);
    visited.add(name);
    const from = sources(name);
    if (!from) return size(name);
    return Math.min(
      size(name),
      from.reduce((sum, source) => sum + cost(source, visited), 0),
    );
  };
  /** Decides on a value; gives what has to be there for it, too. */
  const obtain = (name: string): readonly string[] => {
    if (isFree(name)) return [];
    const from = sources(name);
    looked = 0;
    const total = from?.reduce((sum, source) => sum + cost(source, new Set()), 0) ?? Number.POSITIVE_INFINITY;
    // Where memory is short, a source is worth keeping for its other readers too.
    const isWorthIt = recompute === 'cheap' ? total <= size(name) : total < size(name);
    if (from && isWorthIt) {
      recomputed.add(name);
      return from;
    }
    kept.add(name);
    return [];
  };
  for (const node of nodes) {
    for (const output of node.outputs) {
      // Without recursion: a chain may be as long as the graph.
      const waiting = asked.has(output) ? [output] : [];
      for (let name = waiting.pop(); name !== undefined; name = waiting.pop())
        for (const source of obtain(name).toReversed()) waiting.push(source);
    }
  }
  return recomputed;
}

/** Values are asked about again and again, and neither answer changes. */
function remembered<T>(of: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>();
  return (name) => {
    let value = known.get(name);
    if (value === undefined) {
      value = of(name);
      known.set(name, value);
    }
    return value;
  };
}
