/** The backward graph while it is written: what it already holds, and the gradients that have arrived at each value. */
import { MocoError } from '../errors.ts';
import {
  type ElementType,
  type Graph,
  GraphBuilder,
  type Node,
  type Shape,
  type Value,
} from '../onnx/graph.ts';

export interface TapeOptions {
  readonly graph: Graph;
  shapeOf(name: string): Shape;
  typeOf(name: string): ElementType;
  /** Values that are computed again where they are asked for; all others are saved. */
  readonly recomputed: ReadonlySet<string>;
  /** Appends the node that computes a value to the backward graph. */
  recompute(node: Node): void;
  /** The values that it is computed again from. */
  sources(node: Node): readonly string[];
}

export class Tape {
  readonly backward: GraphBuilder;
  /** Activations that the forward graph has to give. */
  readonly saved: Value[] = [];
  /** What rules have asked for, and is there now. */
  readonly asked = new Set<string>();
  readonly #options: TapeOptions;
  readonly #producer = new Map<string, Node>();
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #gradients = new Map<string, string>();

  constructor(options: TapeOptions) {
    const { graph } = options;
    this.#options = options;
    this.backward = new GraphBuilder(`${graph.name}.backward`, 'b');
    this.#inputs = new Map(graph.inputs.map((value) => [value.name, value]));
    for (const node of graph.nodes) for (const output of node.outputs) this.#producer.set(output, node);
  }

  addGradient(name: string, gradient: string): void {
    const before = this.#gradients.get(name);
    this.#gradients.set(name, before === undefined ? gradient : this.backward.op('Add', [before, gradient]));
  }

  gradientOf(name: string): string | null {
    return this.#gradients.get(name) ?? null;
  }

  /** Makes a value of the forward graph present in the backward graph. */
  value(name: string): string {
    // What it is computed from comes first, without recursion: a chain may be as long as the graph.
    const waiting = [name];
    for (let next = waiting.at(-1); next !== undefined; next = waiting.at(-1)) {
      const node = this.asked.has(next) ? null : this.#recomputedBy(next);
      const before = node ? this.#options.sources(node).filter((source) => !this.#isThere(source)) : [];
      if (before.length > 0) for (const source of before.toReversed()) waiting.push(source);
      else {
        waiting.pop();
        this.#make(next, node);
      }
    }
    return name;
  }

  #recomputedBy(name: string): Node | null {
    const { graph, recomputed } = this.#options;
    if (graph.constants.has(name) || this.#inputs.has(name) || !recomputed.has(name)) return null;
    return this.#producer.get(name) ?? null;
  }

  /** Whether asking for it does not lead any further. */
  #isThere(name: string): boolean {
    return this.asked.has(name) || this.#recomputedBy(name) === null;
  }

  #make(name: string, node: Node | null): void {
    if (this.asked.has(name)) return;
    this.asked.add(name);
    const constant = this.#options.graph.constants.get(name);
    const input = this.#inputs.get(name);
    if (constant) this.backward.constant(name, constant);
    else if (input) this.backward.input(name, input.shape, input.type);
    else if (node) {
      for (const output of node.outputs) this.asked.add(output);
      this.#options.recompute(node);
    } else this.#save(name);
  }

  #save(name: string): void {
    const shape = this.#options.shapeOf(name);
    const type = this.#options.typeOf(name);
    this.saved.push({ name, type, shape });
    this.backward.input(name, shape, type);
  }
}

/** @throws MocoError operator-unsupported where a value that is not float32 would have to be kept */
export function refuseOtherTypes(saved: readonly Value[]): void {
  const other = saved.find(({ type }) => type !== 'float32');
  if (!other) return;
  throw new MocoError(
    'operator-unsupported',
    `the backward pass would have to keep ${other.name}, which holds ${other.type}: only float32 activations are kept`,
  );
}
