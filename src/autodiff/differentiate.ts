/**
 * Reverse-mode differentiation of an ONNX graph into another ONNX graph (Griewank & Walther, Evaluating Derivatives,
 * ch. 3): the nodes are visited backwards, each rule appends what carries the gradient over its node, and gradients
 * that meet at a value are added.
 */
import { expectArgument, expectOptions, type Forms, listOf, oneOf, optional, text } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import { isFrozenBatchNorm } from '../onnx/batch-norms.ts';
import { knownFactor, product } from '../onnx/dims.ts';
import { type Graph, GraphBuilder, type Node, type Shape, type Value } from '../onnx/graph.ts';
import { GRAPH } from '../onnx/graph-form.ts';
import { constantInts, inferShapes } from '../onnx/shapes.ts';
import { inferTypes } from '../onnx/types.ts';
import { batchNormEval } from './batch-norm-eval.ts';
import { float32, giveOut, type KernelGradient, leaves, withoutUnread } from './kernel-gradient.ts';
import { KERNEL_RULES } from './kernel-rules.ts';
import { LOWERINGS, PROVIDERS, type Provider, WEIGHT_GRADIENTS, type WeightGradients } from './lowering.ts';
import { describePath, type GradientPath, gradientPath } from './paths.ts';
import type { BackwardScope, BatchStatistics, ForwardScope, LoweringScope, Rule } from './rule.ts';
import { copyNode } from './rule.ts';
import { RULES } from './rules.ts';
import { chooseRecomputed, type Recompute } from './saving.ts';
import { refuseOtherTypes, Tape } from './tape.ts';

export interface DifferentiateOptions {
  /** Inputs of the graph (weights, images) whose gradients are wanted. */
  readonly wrt: readonly string[];
  /** The outputs whose gradients are given to the backward graph; others of the graph are passed through. */
  readonly outputs: readonly string[];
  readonly provider: Provider;
  /** `least` by default. Results do not depend on it. */
  readonly recompute?: Recompute;
  /**
   * `train` by default: BatchNormalization normalizes by the statistics of the batch, which it gives. `eval`: by its
   * running statistics, which the graph has as inputs or constants; it gives none.
   */
  readonly batchNorm?: 'train' | 'eval';
  /**
   * `graph` by default: all gradients are outputs of the backward graph. `kernel`: those of convolution weights are left to
   * the kernel conv-weight-gradient where it is faster, and named in `left`.
   */
  readonly weightGradients?: WeightGradients;
}

const OPTIONS: Forms<DifferentiateOptions> = {
  wrt: listOf(text(), 'names'),
  outputs: listOf(text(), 'names'),
  provider: oneOf(PROVIDERS),
  recompute: optional(oneOf(['nothing', 'least', 'cheap'])),
  batchNorm: optional(oneOf(['train', 'eval'])),
  weightGradients: optional(oneOf(WEIGHT_GRADIENTS)),
};

export interface Gradient {
  /** The graph's own inputs → its outputs, the saved activations and the batch statistics. */
  readonly forward: Graph;
  /** Gradients of outputs, saved activations and some of the graph's inputs → gradients. */
  readonly backward: Graph;
  /** Activations that forward gives and backward takes, under one name. */
  readonly saved: readonly Value[];
  /** Output → the backward input that takes its gradient. */
  readonly outputGradients: ReadonlyMap<string, string>;
  /** Input named in `wrt` → the backward output that is its gradient. Those in `left` are not among them. */
  readonly gradients: ReadonlyMap<string, string>;
  /** Gradients of weights that a kernel has to compute, in the order in which backward has what they need. */
  readonly left: readonly KernelGradient[];
  readonly statistics: readonly BatchStatistics[];
}

const NONE: ReadonlySet<string> = new Set();

/**
 * The forward and backward graphs of a model.
 * @param onKernels outputs of nodes that are to be written as nodes of ours, which kernels compute (kernel-nodes.ts)
 * @throws MocoError operator-unsupported where a node between `wrt` and `outputs` has no rule; usage where a name in
 * `wrt` or `outputs` does not exist or does not influence an output
 */
export function differentiate(
  graph: Graph,
  options: DifferentiateOptions,
  onKernels: ReadonlySet<string> = NONE,
): Gradient {
  expectArgument('differentiateGraph', 'graph', graph, GRAPH);
  expectOptions('differentiateGraph', options, OPTIONS);
  const path = pathThrough(graph, options.wrt, options.outputs);
  const ofKernels = (node: Node) => (onKernels.has(node.outputs[0]!) ? KERNEL_RULES.get(node.op) : undefined);
  const ofGraph = (node: Node) =>
    node.op === 'BatchNormalization' && (options.batchNorm === 'eval' || isFrozenBatchNorm(node))
      ? batchNormEval
      : RULES.get(node.op);
  const ruleOf: RuleOf = (node) => ofKernels(node) ?? ofGraph(node);
  const shapes = inferShapes(graph);
  const scope = {
    lowering: LOWERINGS[options.provider],
    shape(name: string): Shape {
      const shape = shapes.get(name);
      if (!shape) throw new MocoError('model-invalid', `value ${name} does not exist in graph ${graph.name}`);
      return shape;
    },
    ints: (name: string | undefined) => constantInts(graph.constants.get(name ?? '')),
  };

  const statistics: BatchStatistics[] = [];
  const forward = new GraphBuilder(`${graph.name}.forward`, 'f');
  writeForward(graph, ruleOf, {
    ...scope,
    g: forward,
    declare(name, shape) {
      shapes.set(name, shape);
      return name;
    },
    statistics: (entry) => statistics.push(entry),
  });
  for (const { mean, variance, channels } of statistics) {
    forward.output(mean, [channels]);
    forward.output(variance, [channels]);
  }

  // Written twice: what has to be kept is known only when all that rules ask for is.
  const draft = writeBackward(graph, path, options, ruleOf, scope, new Set());
  const recomputed = chooseRecomputed({
    asked: draft.tape.asked,
    nodes: graph.nodes,
    recompute: options.recompute ?? 'least',
    ruleOf,
    isGiven: givenNames(graph),
    size: sizeOf(graph, scope.shape),
  });
  const { tape, ...written } = writeBackward(graph, path, options, ruleOf, scope, recomputed);
  if (options.recompute !== 'nothing') refuseOtherTypes(tape.saved);
  for (const { name, shape } of tape.saved) if (!forward.hasOutput(name)) forward.output(name, shape);
  return {
    forward: forward.build(),
    backward: withoutUnread(tape.backward.build()),
    saved: tape.saved,
    ...written,
    statistics,
  };
}

type RuleOf = (node: Node) => Rule | undefined;

function writeForward(graph: Graph, ruleOf: RuleOf, scope: ForwardScope): void {
  const { g } = scope;
  for (const node of graph.nodes) {
    const rule = ruleOf(node);
    if (rule?.forward) rule.forward(node, scope);
    else if (rule?.lower) rule.lower(node, scope);
    else copyNode(g, node);
  }
  for (const [name, constant] of graph.constants) g.constant(name, constant);
  const read = new Set(g.build().nodes.flatMap((node) => node.inputs));
  for (const { name, shape, type } of graph.inputs) {
    // Training replaces the running statistics, so nothing may read them any more.
    if (read.has(name)) g.input(name, shape, type);
  }
  for (const { name, shape, type } of graph.outputs) g.output(name, shape, type);
}

function writeBackward(
  graph: Graph,
  path: GradientPath,
  options: DifferentiateOptions,
  ruleOf: RuleOf,
  shared: Omit<LoweringScope, 'g'>,
  recomputed: ReadonlySet<string>,
) {
  const types = inferTypes(graph);
  const typeOf = (name: string) => types.get(name) ?? 'float32';
  const tape: Tape = new Tape({
    graph,
    shapeOf: shared.shape,
    typeOf,
    recomputed,
    sources: (node) => (ruleOf(node)?.recomputeFrom?.(node) ?? node.inputs).filter((name) => name !== ''),
    recompute: (node) => recompute(node, ruleOf, scope),
  });
  const left: KernelGradient[] = [];
  const isLeft = new Set<string>();
  const mayLeave = new Set(options.weightGradients === 'kernel' ? leaves(graph) : []);
  const scope: BackwardScope = {
    ...shared,
    g: tape.backward,
    value: (name) => tape.value(name),
    type: typeOf,
    wants: (name) => path.values.has(name),
    gradientOf: (name) => tape.gradientOf(name),
    leaveToKernel(weight, x, dy, convolution) {
      if (!mayLeave.has(weight) || graph.constants.has(x) || !shared.lowering.kernelTakes(convolution))
        return false;
      left.push({ weight, x: float32(tape.value(x), shared.shape(x)), dy, convolution });
      isLeft.add(weight);
      return true;
    },
  };
  const outputGradients = new Map<string, string>();
  for (const output of options.outputs) {
    const name = tape.backward.input(`d.${output}`, shared.shape(output));
    outputGradients.set(output, name);
    tape.addGradient(output, name);
  }
  for (const node of graph.nodes.toReversed()) {
    if (!path.nodes.has(node)) continue;
    const arrived = node.outputs.map((output) => tape.gradientOf(output));
    const first = arrived.find((gradient) => gradient !== null);
    if (first === undefined || first === null) continue;
    ruleOf(node)!
      .backward(node, arrived[0] ?? first, scope)
      .forEach((gradient, i) => {
        if (gradient !== null) tape.addGradient(node.inputs[i]!, gradient);
      });
  }
  const gradients = new Map<string, string>();
  for (const name of options.wrt) {
    if (isLeft.has(name)) continue;
    const gradient = tape.gradientOf(name);
    if (gradient === null)
      throw new MocoError('usage', `${name} does not influence ${options.outputs.join(', ')}`);
    const output = tape.backward.op('Identity', [gradient], {}, `grad.${name}`);
    tape.backward.output(output, shared.shape(name));
    gradients.set(name, output);
  }
  giveOut(tape.backward, left);
  return { tape, outputGradients, gradients, left };
}

function recompute(node: Node, ruleOf: RuleOf, scope: BackwardScope): void {
  const rule = ruleOf(node);
  if (rule?.recompute) {
    rule.recompute(node, scope);
    return;
  }
  for (const input of node.inputs) if (input !== '') scope.value(input);
  if (rule?.lower) rule.lower(node, scope);
  else copyNode(scope.g, node);
}

function givenNames(graph: Graph): (name: string) => boolean {
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  return (name) => inputs.has(name) || graph.constants.has(name);
}

/** Elements of a value (of one image where the batch is open); only float32 can be kept. */
function sizeOf(graph: Graph, shapeOf: (name: string) => Shape): (name: string) => number {
  const types = inferTypes(graph);
  return (name) =>
    (types.get(name) ?? 'float32') === 'float32'
      ? knownFactor(product(shapeOf(name)))
      : Number.POSITIVE_INFINITY;
}

/**
 * The way of the gradient from `outputs` to `wrt`, before any graph is written.
 * @throws MocoError operator-unsupported for the first node on it that no rule differentiates; usage
 */
export function pathThrough(graph: Graph, wrt: readonly string[], outputs: readonly string[]): GradientPath {
  const path = gradientPath(graph, wrt, outputs);
  for (const node of graph.nodes) {
    if (!path.nodes.has(node) || RULES.has(node.op)) continue;
    const operator = node.domain === '' ? node.op : `${node.domain}.${node.op}`;
    throw new MocoError(
      'operator-unsupported',
      `node ${node.name}: operator ${operator} has no gradient rule, and the gradient has to pass it ` +
        `(${describePath(graph, path, node)}). Supported: ${[...RULES.keys()].join(', ')}`,
    );
  }
  return path;
}
