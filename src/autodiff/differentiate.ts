/**
 * Reverse-mode differentiation of an ONNX graph into another ONNX graph (Griewank & Walther, Evaluating Derivatives,
 * ch. 3): the nodes are visited backwards, each rule appends what carries the gradient over its node, and gradients
 * that meet at a value are added.
 */
import { MocoError } from '../errors.ts';
import { type Graph, GraphBuilder, type Node, type Shape, type Value } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { LOWERINGS, type Provider } from './lowering.ts';
import type { BackwardScope, BatchStatistics, ForwardScope, Rule } from './rule.ts';
import { copyNode } from './rule.ts';
import { RULES } from './rules.ts';

export interface DifferentiateOptions {
  /** Inputs of the graph (weights, images) whose gradients are wanted. */
  readonly wrt: readonly string[];
  /** The outputs whose gradients are given to the backward graph; others of the graph are passed through. */
  readonly outputs: readonly string[];
  readonly provider: Provider;
}

export interface Gradient {
  /** The graph's own inputs → its outputs, the saved activations and the batch statistics. */
  readonly forward: Graph;
  /** Gradients of outputs, saved activations and some of the graph's inputs → gradients. */
  readonly backward: Graph;
  /** Activations that forward gives and backward takes, under one name. */
  readonly saved: readonly Value[];
  /** Output → the backward input that takes its gradient. */
  readonly outputGradients: ReadonlyMap<string, string>;
  /** Input named in `wrt` → the backward output that is its gradient. */
  readonly gradients: ReadonlyMap<string, string>;
  readonly statistics: readonly BatchStatistics[];
}

/**
 * The forward and backward graphs of a model. BatchNormalization uses the batch's statistics.
 * @throws MocoError operator-unsupported where a node between `wrt` and `outputs` has no rule; usage where a name in
 * `wrt` or `outputs` does not exist or does not influence an output
 */
export function differentiate(graph: Graph, options: DifferentiateOptions): Gradient {
  const lowering = LOWERINGS[options.provider];
  const onPath = pathNodes(graph, options);
  for (const node of onPath.nodes) ruleOf(node);
  const shapes = inferShapes(graph);
  const shapeOf = (name: string): Shape => {
    const shape = shapes.get(name);
    if (!shape) throw new MocoError('model-invalid', `value ${name} does not exist in graph ${graph.name}`);
    return shape;
  };

  const forward = new GraphBuilder(`${graph.name}.forward`, 'f');
  const statistics: BatchStatistics[] = [];
  const forwardScope: ForwardScope = {
    g: forward,
    lowering,
    shape: shapeOf,
    declare(name, shape) {
      shapes.set(name, shape);
      return name;
    },
    statistics: (entry) => statistics.push(entry),
  };
  for (const node of graph.nodes) {
    const rule = RULES.get(node.op);
    if (rule?.forward) rule.forward(node, forwardScope);
    else if (rule?.lower) rule.lower(node, forwardScope);
    else copyNode(forward, node);
  }
  for (const [name, constant] of graph.constants) forward.constant(name, constant);
  const readForward = new Set(forward.build().nodes.flatMap((node) => node.inputs));
  for (const { name, shape, type } of graph.inputs) {
    // Training replaces the running statistics, so nothing may read them any more.
    if (readForward.has(name)) forward.input(name, shape, type);
  }
  for (const { name, shape, type } of graph.outputs) forward.output(name, shape, type);
  for (const { mean, variance, channels } of statistics) {
    forward.output(mean, [channels]);
    forward.output(variance, [channels]);
  }

  const tape = new Tape(graph, forward, shapeOf);
  const backwardScope: BackwardScope = {
    g: tape.backward,
    lowering,
    shape: shapeOf,
    value: (name) => tape.value(name, backwardScope),
    wants: (name) => onPath.values.has(name),
  };
  const outputGradients = new Map<string, string>();
  for (const output of options.outputs) {
    const name = tape.backward.input(`d.${output}`, shapeOf(output));
    outputGradients.set(output, name);
    tape.addGradient(output, name);
  }
  for (const node of graph.nodes.toReversed()) {
    if (!onPath.nodes.has(node)) continue;
    const dOutput = tape.gradientOf(node.outputs[0]!);
    if (dOutput === null) continue;
    ruleOf(node)
      .backward(node, dOutput, backwardScope)
      .forEach((gradient, i) => {
        if (gradient !== null) tape.addGradient(node.inputs[i]!, gradient);
      });
  }
  const gradients = new Map<string, string>();
  for (const name of options.wrt) {
    const gradient = tape.gradientOf(name);
    if (gradient === null)
      throw new MocoError('usage', `${name} does not influence ${options.outputs.join(', ')}`);
    const output = tape.backward.op('Identity', [gradient], {}, `grad.${name}`);
    tape.backward.output(output, shapeOf(name));
    gradients.set(name, output);
  }
  return {
    forward: forward.build(),
    backward: tape.backward.build(),
    saved: tape.saved,
    outputGradients,
    gradients,
    statistics,
  };
}

function ruleOf(node: Node): Rule {
  const rule = RULES.get(node.op);
  if (rule) return rule;
  const known = [...RULES.keys()].join(', ');
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name}: operator ${node.op} has no gradient rule, and the gradient has to pass it. Supported: ${known}`,
  );
}

/** Values that depend on `wrt`, and the nodes that lie between them and `outputs`. */
function pathNodes(graph: Graph, { wrt, outputs }: DifferentiateOptions) {
  const names = new Set([...graph.inputs.map(({ name }) => name), ...graph.constants.keys()]);
  for (const name of wrt) {
    if (!names.has(name))
      throw new MocoError('usage', `${name} is not an input or initializer of graph ${graph.name}`);
  }
  const values = new Set(wrt);
  const dependent = new Set<Node>();
  for (const node of graph.nodes) {
    if (!node.inputs.some((name) => values.has(name))) continue;
    dependent.add(node);
    for (const output of node.outputs) values.add(output);
  }
  const needed = new Set(outputs);
  const nodes = new Set<Node>();
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((name) => needed.has(name))) continue;
    for (const input of node.inputs) needed.add(input);
    if (dependent.has(node)) nodes.add(node);
  }
  return { values, nodes };
}

/** The backward graph while it is written: what it already holds, and the gradients that have arrived at each value. */
class Tape {
  readonly backward: GraphBuilder;
  readonly saved: Value[] = [];
  readonly #forward: GraphBuilder;
  readonly #shapeOf: (name: string) => Shape;
  readonly #graph: Graph;
  readonly #producer = new Map<string, Node>();
  readonly #inputs: ReadonlyMap<string, Value>;
  readonly #gradients = new Map<string, string>();
  readonly #present = new Set<string>();

  constructor(graph: Graph, forward: GraphBuilder, shapeOf: (name: string) => Shape) {
    this.backward = new GraphBuilder(`${graph.name}.backward`, 'b');
    this.#forward = forward;
    this.#graph = graph;
    this.#shapeOf = shapeOf;
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
  value(name: string, scope: BackwardScope): string {
    if (this.#present.has(name)) return name;
    this.#present.add(name);
    const constant = this.#graph.constants.get(name);
    const input = this.#inputs.get(name);
    if (constant) this.backward.constant(name, constant);
    else if (input) this.backward.input(name, input.shape, input.type);
    else if (this.#recomputable(name)) {
      const node = this.#producer.get(name)!;
      ruleOf(node).recompute!(node, scope);
    } else this.#save(name);
    return name;
  }

  #recomputable(name: string): boolean {
    const node = this.#producer.get(name);
    const rule = node && RULES.get(node.op);
    if (!node || !rule?.recompute) return false;
    return (rule.recomputeFrom?.(node) ?? []).every((input) => this.#recomputable(input));
  }

  #save(name: string): void {
    const shape = this.#shapeOf(name);
    this.saved.push({ name, type: 'float32', shape });
    this.backward.input(name, shape);
    if (!this.#forward.hasOutput(name)) this.#forward.output(name, shape);
  }
}
