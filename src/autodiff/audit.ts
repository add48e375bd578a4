/** Which nodes of a graph a provider would not run right, or no gradient can pass, and what is written in their place. */
import { expectArgument, listOf, oneOf, optional, text } from '../arguments.ts';
import { MocoError } from '../errors.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { GRAPH } from '../onnx/graph-form.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { inferTypes } from '../onnx/types.ts';
import { differentiate } from './differentiate.ts';
import { lowerGraph } from './lower.ts';
import { PROVIDERS, type Provider } from './lowering.ts';
import { gradientPath } from './paths.ts';
import { judge, type Verdict } from './providers.ts';

export interface AuditedNode {
  readonly node: string;
  readonly op: string;
  /** Of the node as it stands. */
  readonly verdict: Verdict;
  /** Why it does not run, or why no gradient passes it. */
  readonly reason: string;
  /** The operators written in its place, e.g. `2 × Not, And, Not`; null where none are, or not all of these would run. */
  readonly rewrite: string | null;
  /** Whether a rule carries gradients over it; also true where none has to pass. */
  readonly differentiable: boolean;
}

export interface AuditReport {
  readonly provider: Provider;
  /** Those with something to say, in graph order. */
  readonly nodes: readonly AuditedNode[];
  readonly counts: {
    /** Of all nodes. */
    readonly nodes: number;
    readonly rewritten: number;
    /** Not run right, and not rewritten. */
    readonly unrunnable: number;
    readonly undifferentiable: number;
  };
  /** Whether every node runs, as it is or rewritten, and every gradient gets through. */
  readonly ok: boolean;
}

/**
 * @param graph of opset 17, as importModel and buildNetwork give it
 * @param wrt inputs whose gradients are wanted; by default every float32 input
 * @throws MocoError operator-unsupported for an operator without a shape rule, shape-mismatch; usage where a name in
 * `wrt` does not exist
 */
export function auditModel(graph: Graph, provider: Provider, wrt?: readonly string[]): AuditReport {
  expectArgument('auditModel', 'graph', graph, GRAPH);
  expectArgument('auditModel', 'provider', provider, oneOf(PROVIDERS));
  expectArgument('auditModel', 'wrt', wrt, optional(listOf(text(), 'names')));
  const shapes = inferShapes(graph);
  const types = inferTypes(graph);
  const wanted = wrt ?? graph.inputs.filter(({ type }) => type === 'float32').map(({ name }) => name);
  const path = gradientPath(
    graph,
    wanted,
    graph.outputs.map(({ name }) => name),
  );
  const read = new Set([
    ...graph.outputs.map(({ name }) => name),
    ...graph.nodes.flatMap(({ inputs }) => inputs),
  ]);

  /** The node as a graph of its own, whose outputs are those that something reads. */
  const alone = (node: Node): Graph => {
    const described = (name: string) => ({
      name,
      type: types.get(name) ?? 'float32',
      shape: shapes.get(name) ?? [],
    });
    const names = [...new Set(node.inputs)].filter((name) => name !== '');
    const given = names.filter((name) => graph.constants.has(name));
    return {
      name: node.name,
      opset: graph.opset,
      nodes: [node],
      constants: new Map(given.map((name) => [name, graph.constants.get(name)!])),
      inputs: names.filter((name) => !graph.constants.has(name)).map(described),
      outputs: node.outputs.filter((name) => read.has(name)).map(described),
    };
  };

  const nodes = graph.nodes.flatMap((node): AuditedNode[] => {
    const own = alone(node);
    const facts = {
      node,
      shape: (name: string) => shapes.get(name) ?? [],
      type: (name: string) => types.get(name)!,
    };
    const { verdict, reason } = judge(facts, provider);
    const passes = path.nodes.has(node)
      ? own.inputs.map(({ name }) => name).filter((x) => path.values.has(x))
      : [];
    const { obstacle, forward } = carry(own, passes, provider);
    if (verdict === 'runs' && obstacle === null) return [];
    const rewrite = verdict === 'runs' ? null : describe(own, forward ?? lowerGraph(own, provider), provider);
    const reasons = [reason, obstacle ?? ''].filter((text) => text !== '').join('; ');
    return [
      { node: node.name, op: node.op, verdict, reason: reasons, rewrite, differentiable: obstacle === null },
    ];
  });
  const unrunnable = nodes.filter(({ verdict, rewrite }) => verdict !== 'runs' && rewrite === null).length;
  const undifferentiable = nodes.filter(({ differentiable }) => !differentiable).length;
  const rewritten = nodes.filter(({ rewrite }) => rewrite !== null).length;
  const counts = { nodes: graph.nodes.length, rewritten, unrunnable, undifferentiable };
  return { provider, nodes, counts, ok: unrunnable === 0 && undifferentiable === 0 };
}

/** Tries the gradient of a one-node graph by all inputs together, and by each where these are not alike. */
function carry(graph: Graph, wrt: readonly string[], provider: Provider) {
  const outputs = graph.outputs.filter(({ type }) => type === 'float32').map(({ name }) => name);
  let forward: Graph | null = null;
  let obstacle: string | null = null;
  const passes = (names: readonly string[]): boolean => {
    try {
      forward = differentiate(graph, { wrt: names, outputs, provider }).forward;
      return true;
    } catch (error) {
      if (!(error instanceof MocoError)) throw error;
      // usage: the operator has a rule, and by it one of these has no gradient.
      if (error.code !== 'usage') obstacle = withoutNode(error.message);
      return error.code !== 'usage';
    }
  };
  if (outputs.length === 0 || wrt.length === 0 || passes(wrt)) return { obstacle, forward };
  for (const name of wrt) if (passes([name]) && obstacle !== null) break;
  return { obstacle, forward };
}

/** `node conv1: operator X has no …(x → [conv1] → y). Supported: …` without what the report says by itself. */
function withoutNode(message: string): string {
  return message.replace(/^node .*?: /, '').replace(/, and the gradient has to pass it.*$/s, '');
}

/** The operators that stand for a node, where these run and write all that is read of it. */
function describe(own: Graph, written: Graph, provider: Provider): string | null {
  const names = new Set(written.nodes.flatMap(({ outputs }) => outputs));
  if (!own.outputs.every(({ name }) => names.has(name))) return null;
  const shapes = inferShapes(written);
  const types = inferTypes(written);
  const runs = written.nodes.every((node) => {
    const facts = {
      node,
      shape: (name: string) => shapes.get(name) ?? [],
      type: (name: string) => types.get(name)!,
    };
    return judge(facts, provider).verdict === 'runs';
  });
  if (!runs) return null;
  const counts = new Map<string, number>();
  for (const { op } of written.nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  return [...counts].map(([op, count]) => (count === 1 ? op : `${count} × ${op}`)).join(', ');
}
