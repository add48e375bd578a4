/**
 * A model that was exported for one batch size, opened for any: training has batches of its own. Nothing in such a file
 * says which of its numbers are the batch, so they are found by what they do: a Reshape has it where the elements before
 * it are as many as in its input, and what is the same for all images of a Concat is repeated for each. Where a Reshape
 * has several such places (of a batch of one, mostly), the first with which all later shapes fit is taken.
 */
import { MocoError } from '../../errors.ts';
import { count, knownFactor } from '../dims.ts';
import { type Dim, type Graph, GraphBuilder, type Node, type Shape } from '../graph.ts';
import { constantInts, inferNode, inferShapes } from '../shapes.ts';
import { zeroPerImage } from './open-batch.ts';

const BATCH = 'batch';

/**
 * The graph with an open batch; as it is where the batch is open already.
 * @param graph in its final form: opset 17, shapes are constants
 * @throws MocoError operator-unsupported where an output does not come out with the batch in front, naming the node at
 * which it was lost
 */
export function openBatch(graph: Graph): Graph {
  const [image, ...others] = graph.inputs;
  if (!image || typeof image.shape[0] === 'string') return graph;
  const inputs = [{ ...image, shape: [BATCH, ...image.shape.slice(1)] }, ...others];
  /** Which of its possible places each Reshape takes that has more than one, in graph order. */
  let choices: Choice[] = [];
  for (let attempt = 0; ; attempt++) {
    const opening = new Opening(graph, inputs, choices);
    try {
      return opening.run();
    } catch (error) {
      choices = nextChoices(opening.choices);
      if (choices.length === 0 || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

interface Choice {
  readonly taken: number;
  readonly of: number;
}

const MOST_ATTEMPTS = 1000;

/** The last choice that has another possibility takes it; those after it begin again. None: all have been tried. */
function nextChoices(choices: readonly Choice[]): Choice[] {
  const last = choices.findLastIndex(({ taken, of }) => taken + 1 < of);
  if (last < 0) return [];
  return [...choices.slice(0, last), { ...choices[last]!, taken: choices[last]!.taken + 1 }];
}

/** One attempt, with some choices given. */
class Opening {
  /** Those given, and those made. */
  readonly choices: Choice[];
  readonly #given: number;
  #made = 0;
  readonly #graph: Graph;
  readonly #inputs: Graph['inputs'];
  readonly #before: ReadonlyMap<string, Shape>;
  readonly #shapes: Map<string, Shape>;
  readonly #g = new GraphBuilder('', 'open');

  constructor(graph: Graph, inputs: Graph['inputs'], choices: readonly Choice[]) {
    this.#graph = graph;
    this.#inputs = inputs;
    this.choices = [...choices];
    this.#given = choices.length;
    this.#before = inferShapes(graph);
    this.#shapes = new Map(inputs.map(({ name, shape }) => [name, shape]));
    for (const [name, { shape }] of graph.constants) this.#shapes.set(name, shape);
  }

  run(): Graph {
    for (const node of this.#graph.nodes) this.#open(node);
    const outputs = this.#graph.outputs.map((value) => ({ ...value, shape: this.#shapes.get(value.name)! }));
    for (const { name, shape } of outputs) {
      if (shape[0] === BATCH) continue;
      throw new MocoError(
        'operator-unsupported',
        `output ${name} comes out as [${shape}] for an open batch: export the model with dynamic_axes`,
      );
    }
    const { nodes, constants } = this.#g.build();
    return {
      ...this.#graph,
      inputs: this.#inputs,
      outputs,
      nodes,
      constants: new Map([...this.#graph.constants, ...constants]),
    };
  }

  #open(node: Node): void {
    const opened = this.#rewritten(node);
    for (const [name, { shape }] of this.#g.build().constants) this.#shapes.set(name, shape);
    const all = { ints: (name: string | undefined) => constantInts(this.#constantOf(name)) };
    let shapes: readonly Shape[];
    try {
      shapes = inferNode(opened, this.#shapes, all);
    } catch (cause) {
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name} (${node.op}) cannot be opened for other batches than ${this.#graph.inputs[0]!.shape[0]}: ` +
          'export the model with dynamic_axes',
        { cause },
      );
    }
    this.#g.node(opened);
    opened.outputs.forEach((name, i) => {
      this.#shapes.set(name, shapes[i]!);
    });
  }

  #constantOf(name = '') {
    return this.#graph.constants.get(name) ?? this.#g.build().constants.get(name);
  }

  #rewritten(node: Node): Node {
    const [x = []] = node.inputs.map((name) => this.#shapes.get(name) ?? []);
    if (node.op === 'Reshape' && x.some(isOpen)) {
      const [from, to] = [node.inputs[0], node.outputs[0]].map((name) => this.#before.get(name!)!);
      const target = this.#choose(openTargets(x, from!, to!));
      return target ? { ...node, inputs: [node.inputs[0]!, this.#g.ints(target)] } : node;
    }
    if (node.op === 'Concat') return this.#concat(node);
    return node;
  }

  #choose<T>(possible: readonly T[]): T | undefined {
    if (possible.length < 2) return possible[0];
    const at = this.#made++;
    if (at >= this.#given) this.choices.push({ taken: 0, of: possible.length });
    return possible[this.choices[at]!.taken];
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
