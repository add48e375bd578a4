/**
 * A model that was exported for one batch size, opened for any: training has batches of its own. Nothing in such a file
 * says which of its numbers are the batch, so they are found by what they do: a Reshape has it where the elements before
 * it are as many as in its input, and what is the same for all images of a Concat is repeated for each. Where a Reshape
 * has several such places (of a batch of one, mostly), the first with which all later shapes fit is taken.
 */
import { MocoError } from '../../errors.ts';
import { count, knownFactor } from '../dims.ts';
import { type Dim, type Graph, GraphBuilder, type Node, type Shape } from '../graph.ts';
import { Budget } from '../limits.ts';
import { constantInts, inferNode, inferShapes } from '../shapes.ts';
import { zeroPerImage } from './open-batch.ts';

const BATCH = 'batch';

/**
 * The graph with an open batch; as it is where the batch is open already.
 * @param graph in its final form: opset 17, shapes are constants
 * @throws MocoError operator-unsupported where an output does not come out with the batch in front, naming the node at
 * which it was lost
 */
export function openBatch(graph: Graph, budget = new Budget()): Graph {
  const [image, ...others] = graph.inputs;
  if (!image || typeof image.shape[0] === 'string') return graph;
  const inputs = [{ ...image, shape: [BATCH, ...image.shape.slice(1)] }, ...others];
  return new Opening(graph, inputs, budget).run();
}

/** A Reshape with more than one possible place for the batch. */
interface Choice {
  /** Its number in graph order. */
  readonly node: number;
  taken: number;
  readonly of: number;
}

/** Wrong places that are taken back, and nodes that are looked at in all: the time is bounded by these. */
const MOST_ATTEMPTS = 1000;
const MOST_VISITS = 200_000;

/** Goes through the nodes, and back to the last choice that has another possibility where one does not fit. */
class Opening {
  readonly #graph: Graph;
  readonly #inputs: Graph['inputs'];
  readonly #budget: Budget;
  readonly #before: ReadonlyMap<string, Shape>;
  readonly #shapes: Map<string, Shape>;
  readonly #g = new GraphBuilder('', 'open');
  readonly #choices: Choice[] = [];

  constructor(graph: Graph, inputs: Graph['inputs'], budget: Budget) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.#budget = budget;
    this.#before = inferShapes(graph);
    this.#shapes = new Map(inputs.map(({ name, shape }) => [name, shape]));
    for (const [name, { shape }] of graph.constants) this.#shapes.set(name, shape);
  }

  run(): Graph {
    const { nodes } = this.#graph;
    /** By number: what stands for a node. */
    const opened: Node[][] = [];
    let first: unknown = null;
    let [visits, attempts] = [0, 0];
    for (let at = 0; at <= nodes.length; ) {
      this.#budget.step();
      try {
        if (at === nodes.length) this.#requireOutputs();
        else opened[at] = this.#open(nodes[at]!, at);
        at++;
      } catch (error) {
        first ??= error;
        const again = this.#nextChoice();
        if (again === null || ++attempts > MOST_ATTEMPTS || visits > MOST_VISITS) throw first;
        at = again;
      }
      visits++;
    }
    const outputs = this.#graph.outputs.map((value) => ({ ...value, shape: this.#shapes.get(value.name)! }));
    const all = opened.flat();
    const read = new Set(all.flatMap(({ inputs }) => inputs));
    const made = [...this.#g.build().constants].filter(([name]) => read.has(name));
    return {
      ...this.#graph,
      inputs: this.#inputs,
      outputs,
      nodes: all,
      constants: new Map([...this.#graph.constants, ...made]),
    };
  }

  #requireOutputs(): void {
    for (const { name } of this.#graph.outputs) {
      const shape = this.#shapes.get(name)!;
      if (shape[0] === BATCH) continue;
      throw new MocoError(
        'operator-unsupported',
        `output ${name} comes out as [${shape}] for an open batch: export the model with dynamic_axes`,
      );
    }
  }

  /** The number of the node at which the last choice that has another possibility takes it; those after it begin again. */
  #nextChoice(): number | null {
    for (let last = this.#choices.at(-1); last; last = this.#choices.at(-1)) {
      if (last.taken + 1 < last.of) {
        last.taken++;
        return last.node;
      }
      this.#choices.pop();
    }
    return null;
  }

  /** The node for an open batch, with what has to be computed for it. */
  #open(node: Node, at: number): Node[] {
    const begin = this.#g.build().nodes.length;
    const opened = this.#rewritten(node, at);
    const { constants } = this.#g.build();
    const known = { get: (name: string) => this.#shapes.get(name) ?? constants.get(name)?.shape };
    const all = { ints: (name: string | undefined) => constantInts(this.#constantOf(name)) };
    let shapes: readonly Shape[];
    try {
      shapes = inferNode(opened, known, all);
    } catch (cause) {
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name} (${node.op}) cannot be opened for other batches than ${this.#graph.inputs[0]!.shape[0]}: ` +
          'export the model with dynamic_axes',
        { cause },
      );
    }
    opened.outputs.forEach((name, i) => {
      this.#shapes.set(name, shapes[i]!);
    });
    return [...this.#g.build().nodes.slice(begin), opened];
  }

  #constantOf(name = '') {
    return this.#graph.constants.get(name) ?? this.#g.build().constants.get(name);
  }

  #rewritten(node: Node, at: number): Node {
    const [x = []] = node.inputs.map((name) => this.#shapes.get(name) ?? []);
    if (node.op === 'Reshape' && x.some(isOpen)) {
      const [from, to] = [node.inputs[0], node.outputs[0]].map((name) => this.#before.get(name!)!);
      const target = this.#choose(openTargets(x, from!, to!), at);
      return target ? { ...node, inputs: [node.inputs[0]!, this.#g.ints(target)] } : node;
    }
    if (node.op === 'Concat') return this.#concat(node);
    return node;
  }

  #choose<T>(possible: readonly T[], node: number): T | undefined {
    if (possible.length < 2) return possible[0];
    const last = this.#choices.at(-1);
    if (last?.node === node) return possible[last.taken];
    this.#choices.push({ node, taken: 0, of: possible.length });
    return possible[0];
  }

  /** Inputs that are the same for all images get the batch of the others. */
  #concat(node: Node): Node {
    const shapes = node.inputs.map((name) => this.#shapes.get(name) ?? []);
    if (!shapes.some(([first]) => isOpen(first)) || shapes.every(([first]) => isOpen(first))) return node;
    return {
      ...node,
      inputs: node.inputs.map((name, i) => (isOpen(shapes[i]![0]) ? name : this.#perImage(name, shapes[i]!))),
    };
  }

  #perImage(name: string, shape: Shape): string {
    const ones = shape.map((_, axis) => (axis === 0 ? -1 : 1));
    const zeros = this.#g.op('Reshape', [zeroPerImage(this.#g, this.#inputs[0]!), this.#g.ints(ones)]);
    // What was repeated for the file's batch is repeated for each image: its first row is enough.
    const first =
      shape[0] === 1
        ? name
        : this.#g.op('Slice', [name, this.#g.ints([0]), this.#g.ints([1]), this.#g.ints([0])]);
    const result = this.#g.op('Add', [first, zeros]);
    this.#shapes.set(result, [BATCH, ...shape.slice(1)]);
    return result;
  }
}

const isOpen = (size: Dim | undefined): boolean => typeof size === 'string';

/**
 * Targets that a Reshape may have for an open batch, the likeliest first.
 * @param x shape of its input, with the batch open
 * @param from the same as the file has it
 * @param to shape of its output as the file has it
 */
export function openTargets(x: Shape, from: Shape, to: Shape): number[][] {
  const axis = x.findIndex(isOpen);
  const batch = Number(from[axis]) / knownFactor(x[axis]!);
  const before = count(from.slice(0, axis).map(Number));
  // The batch may have been merged with what is behind it, or with what is before it: images come first, or last.
  const fronts = [before, before * knownFactor(x[axis]!)];
  const sizes = to.map(Number);
  const front = (place: number) => count(sizes.slice(0, place));
  const alone = (place: number) => sizes[place] === batch && fronts.includes(front(place));
  const leads = (place: number) => sizes[place]! % batch === 0 && fronts.includes(front(place));
  const spans = (place: number) =>
    fronts.some((f) => f % front(place) === 0 && (front(place) * sizes[place]!) % (f * batch) === 0);
  const places = [alone, leads, spans].flatMap((fits) => [...to.keys()].filter(fits));
  return [...new Set(places)].map((place) =>
    sizes.map((size, i) => (i !== place ? size : i === axis && size === from[axis] ? 0 : -1)),
  );
}
