/**
 * One pass over the nodes in order: each is brought to opset 17 and simpler operators, what is known before the graph
 * runs is computed, and the rest is written with constants in its place.
 */
import { MocoError } from '../../errors.ts';
import { intAttribute } from '../attributes.ts';
import type { ElementType, Graph, Node, Shape } from '../graph.ts';
import { GraphBuilder, OPSET } from '../graph.ts';
import { Budget } from '../limits.ts';
import { inferNode } from '../shapes.ts';
import { inferType, TYPE_OF } from '../types.ts';
import { readsOf, withOwnNames } from './check.ts';
import { inlineBranch } from './conditional.ts';
import { canEvaluate, evaluate } from './evaluate.ts';
import { isFixed } from './known.ts';
import { type OpenExpand, realizeExpands } from './open-batch.ts';
import type { RewriteScope, Rewritings } from './rewriting.ts';
import { SIMPLER } from './simpler.ts';
import { SIZES, type SimplifyScope } from './sizes.ts';
import { UPGRADES } from './upgrade.ts';
import { Values } from './values.ts';

/**
 * @param held names of constants whose values are not to be computed with: weights and running statistics
 * @throws MocoError operator-unsupported, shape-mismatch or model-invalid, naming the node
 */
export function simplify(graph: Graph, held: ReadonlySet<string>, budget = new Budget()): Graph {
  return new Simplifier(graph, held, budget).run();
}

class Simplifier implements SimplifyScope {
  readonly values: Values;
  readonly g: GraphBuilder;
  readonly #graph: Graph;
  readonly #budget: Budget;
  readonly #expands = new Map<string, OpenExpand>();
  readonly #read: ReadonlySet<string>;
  readonly #nodes: Node[] = [];

  constructor(graph: Graph, held: ReadonlySet<string>, budget: Budget) {
    this.#graph = graph;
    this.#budget = budget;
    this.values = new Values(graph, held, budget);
    this.#read = new Set(graph.nodes.flatMap(readsOf));
    const names = [...graph.constants.keys(), ...graph.nodes.flatMap(({ outputs }) => outputs)];
    let prefix = 'import';
    while (names.some((name) => name.startsWith(`${prefix}.`))) prefix += '_';
    this.g = new GraphBuilder('', prefix);
  }

  run(): Graph {
    for (const node of this.#graph.nodes) this.#visit(node);
    for (const { name } of this.#graph.outputs) this.#finishOutput(name);
    const outputs = new Set(this.#graph.outputs.map(({ name }) => name));
    const nodes = realizeExpands(this.#nodes, this.#expands, {
      g: this.g,
      values: this.values,
      input: this.#graph.inputs[0]!,
      isOutput: (name) => outputs.has(name),
    });
    const constants = new Map([...this.values.constants, ...this.g.build().constants]);
    return { ...this.#graph, opset: OPSET, nodes: withOwnNames(nodes), constants };
  }

  #visit(node: Node): void {
    this.#budget.step();
    const here = this.values.resolve(node);
    if (here.op === 'If') {
      this.#choose(here);
      return;
    }
    for (const upgraded of this.#rewritten(UPGRADES, here)) {
      for (const simple of this.#rewritten(SIMPLER, upgraded)) this.step(simple);
    }
  }

  #rewritten(table: Rewritings, node: Node): readonly Node[] {
    const rewrite = Object.hasOwn(table, node.op) ? table[node.op] : undefined;
    if (!rewrite) return [node];
    const scope: RewriteScope = {
      g: this.g,
      opset: this.#graph.opset,
      shape: (name) => this.values.shapeOf(node, name),
      ints: this.values.scope.ints,
      known: (name) => this.values.known(name)?.data,
      isHeld: (name) => this.values.isHeld(name),
      isRead: (name) => this.#read.has(name),
    };
    const begin = this.g.build().nodes.length;
    rewrite(node, scope);
    // Named after the node that they stand for, as errors name them.
    return this.g
      .build()
      .nodes.slice(begin)
      .map((part) => (part.name === node.name ? part : { ...part, name: `${node.name}/${part.op}` }));
  }

  /** An If whose condition is known is its branch. */
  #choose(node: Node): void {
    const condition = this.values.known(node.inputs[0] ?? '')?.data[0];
    if (typeof condition !== 'number') {
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name} (If): its condition depends on the images or their number: control flow is not supported`,
      );
    }
    const branch = inlineBranch(node, condition !== 0);
    for (const [name, constant] of branch.constants) this.values.constant(name, constant);
    for (const inner of branch.nodes) this.#visit(inner);
    for (const [i, output] of node.outputs.entries()) this.values.alias(output, branch.outputs[i] ?? '');
  }

  step(written: Node): void {
    const { values } = this;
    const node = values.resolve(written);
    for (const name of node.inputs) this.#adopt(name);
    for (const name of node.inputs) if (name !== '') values.shapeOf(node, name);
    if (SIZES[node.op]?.(node, this) === true) return;

    const [x = ''] = node.inputs;
    const shapes = inferNode(node, values.shapes, values.scope);
    values.requirePossible(node, shapes);
    const type = inferType(node, values.types);
    if (this.#isKnown(node, shapes[0] ?? [], type)) return;
    if (this.#changesNothing(node, shapes[0] ?? [])) values.alias(node.outputs[0] ?? '', x);
    else this.#emit(node, shapes, type);
  }

  /** Computes what needs no images. */
  #isKnown(node: Node, shape: Shape, type: ElementType): boolean {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : this.values.known(name)));
    const present = inputs.every((value, i) => value !== undefined || node.inputs[i] === '');
    if (!present || !canEvaluate(node.op) || !isFixed(shape)) return false;
    const value = evaluate({ node, inputs, shape, type, scope: this.values.scope });
    if (value) this.values.know(node.outputs[0] ?? '', value);
    return value !== null;
  }

  #changesNothing(node: Node, shape: Shape): boolean {
    const { values } = this;
    const [x = '', second = ''] = node.inputs;
    if (node.op === 'Identity') return true;
    if (node.op === 'Cast') return values.types.get(x) === TYPE_OF.get(intAttribute(node, 'to', 1));
    if (node.op === 'Pad') return values.known(second)?.data.every((size) => size === 0) === true;
    return LAYOUT.has(node.op) && String(values.shapes.get(x)) === String(shape);
  }

  #emit(node: Node, shapes: readonly Shape[], type: ElementType): void {
    for (const name of node.inputs) this.values.write(node, name);
    this.#nodes.push(node);
    for (const [i, output] of node.outputs.entries()) this.values.declare(output, shapes[i] ?? [], type);
  }

  expand(expand: OpenExpand): void {
    const { node, to } = expand;
    this.values.requirePossible(node, [to]);
    this.#emit(node, [to], this.values.types.get(node.inputs[0] ?? '') ?? 'float32');
    this.#expands.set(node.outputs[0] ?? '', expand);
  }

  /** A constant that a rewriting has made. */
  #adopt(name: string): void {
    const constant = this.values.shapes.has(name) ? undefined : this.g.build().constants.get(name);
    if (constant) this.values.constant(name, constant);
  }

  #finishOutput(name: string): void {
    const from = this.values.original(name);
    if (from === name && !this.values.known(name)) return;
    const node = { name, op: 'Identity', domain: '', inputs: [from], outputs: [name], attributes: {} };
    // What does not depend on the images is dropped by whoever asked (import-model.ts).
    if (this.values.known(from)) return;
    this.#emit(node, [this.values.shapeOf(node, from)], this.values.types.get(from) ?? 'float32');
  }
}

/** Operators that change nothing but the shape. */
const LAYOUT = new Set(['Reshape', 'Flatten', 'Expand', 'Squeeze', 'Unsqueeze']);
