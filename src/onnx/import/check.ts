/** What no valid model has, and what is refused at once; and the order in which nodes can run. */
import { MocoError } from '../../errors.ts';
import { knownFactor, product } from '../dims.ts';
import type { Graph, Node } from '../graph.ts';
import { MOST_NODES } from '../limits.ts';
import { MOST_ELEMENTS } from '../tensor.ts';
import { checkArity } from './arity.ts';

const LONGEST_NAME = 4096;
/** Opset 7 is the first whose operators broadcast as today's do; 18 is what torch writes by default. */
const OPSETS = { oldest: 7, newest: 23 } as const;
const CONTROL_FLOW: ReadonlySet<string> = new Set(['Loop', 'Scan', 'SequenceMap']);

/**
 * The graph with its nodes in an order in which each reads what earlier ones have written, and with a name for each
 * node that no other has.
 * @throws MocoError model-invalid for names written twice or by nobody, cycles, absurd sizes; operator-unsupported,
 * naming the node, for control flow, custom domains and opsets outside 7–23
 */
export function checkGraph(graph: Graph): Graph {
  if (graph.opset < OPSETS.oldest || graph.opset > OPSETS.newest) {
    throw new MocoError(
      'operator-unsupported',
      `the model is of opset ${graph.opset}, and ${OPSETS.oldest} to ${OPSETS.newest} are read: export it with opset_version=17`,
    );
  }
  if (graph.nodes.length > MOST_NODES) {
    throw invalid(`the model has ${graph.nodes.length} nodes, and at most ${MOST_NODES} are read`);
  }
  for (const { name, shape } of graph.inputs) {
    if (knownFactor(product(shape)) > MOST_ELEMENTS) throw invalid(`input ${name}: absurd shape [${shape}]`);
  }
  for (const node of graph.nodes) refuse(node);
  requireUnique(graph);
  const nodes = inOrder(graph);
  const written = new Set([...namesGiven(graph), ...nodes.flatMap(({ outputs }) => outputs)]);
  for (const { name } of graph.outputs) {
    if (!written.has(name)) throw invalid(`output ${name} is written by no node`);
  }
  return { ...graph, nodes: withOwnNames(nodes) };
}

/** What a node reads: its inputs, and what the sub-graphs of its attributes read from outside. */
export function readsOf(node: Node): string[] {
  const inner = Object.values(node.attributes).flatMap((value) => {
    if (typeof value !== 'object' || !('graph' in value)) return [];
    const { nodes, outputs } = value.graph;
    const own = new Set([...namesGiven(value.graph), ...nodes.flatMap((n) => n.outputs)]);
    return [...nodes.flatMap(readsOf), ...outputs.map(({ name }) => name)].filter((name) => !own.has(name));
  });
  return [...node.inputs, ...inner].filter((name) => name !== '');
}

function namesGiven(graph: Graph): string[] {
  return [...graph.inputs.map(({ name }) => name), ...graph.constants.keys()];
}

/** Also what the branches of an If hold. */
function refuse(node: Node): void {
  for (const name of [node.name, ...node.inputs, ...node.outputs]) {
    if (name.length > LONGEST_NAME)
      throw invalid(`a name of ${name.length} characters: ${name.slice(0, 40)}…`);
  }
  if (node.domain !== '') {
    throw new MocoError(
      'operator-unsupported',
      `node ${node.name}: ${node.domain}.${node.op} is no operator of ONNX itself, nor a function of the model, but a custom one`,
    );
  }
  checkArity(node);
  const bodies = Object.values(node.attributes).flatMap((value) =>
    typeof value === 'object' && 'graph' in value ? [value.graph] : [],
  );
  for (const body of bodies) body.nodes.forEach(refuse);
  if (CONTROL_FLOW.has(node.op) || (bodies.length > 0 && node.op !== 'If')) {
    throw new MocoError(
      'operator-unsupported',
      `node ${node.name} (${node.op}): control flow is not supported`,
    );
  }
}

function requireUnique(graph: Graph): void {
  const writers = new Map<string, string>();
  const write = (name: string, writer: string) => {
    const other = writers.get(name);
    if (other !== undefined) throw invalid(`${name} is written twice: by ${other} and by ${writer}`);
    writers.set(name, writer);
  };
  for (const { name } of graph.inputs) write(name, 'the inputs');
  for (const name of graph.constants.keys()) write(name, 'the initializers');
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== '') write(output, `node ${node.name} (${node.op})`);
  }
}

/** Depth first from each node in turn, without recursion: a chain may be as long as the graph. */
function inOrder(graph: Graph): Node[] {
  const given = new Set(namesGiven(graph));
  const writer = new Map(
    graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)),
  );
  const order: Node[] = [];
  const state = new Map<Node, 'open' | 'done'>();
  for (const start of graph.nodes) {
    const stack = [start];
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      if (state.get(node) !== undefined) {
        stack.pop();
        if (state.get(node) === 'open') order.push(node);
        state.set(node, 'done');
        continue;
      }
      state.set(node, 'open');
      for (const name of readsOf(node).toReversed()) {
        if (given.has(name)) continue;
        const before = writer.get(name);
        if (!before) throw invalid(`node ${node.name} (${node.op}) reads ${name}, which nothing writes`);
        if (state.get(before) === 'open') throw invalid(`nodes form a cycle: ${cycle(stack, state, before)}`);
        if (!state.has(before)) stack.push(before);
      }
    }
  }
  return order;
}

function cycle(stack: readonly Node[], state: ReadonlyMap<Node, string>, from: Node): string {
  const open = stack.filter((node) => state.get(node) === 'open');
  return [...open.slice(open.indexOf(from)), from].map(({ name }) => name).join(' → ');
}

/** The nodes with names that no two share: the first to have one keeps it. */
export function withOwnNames(nodes: readonly Node[]): Node[] {
  const taken = new Set(nodes.map(({ name }) => name));
  const met = new Set<string>();
  /** The last number that a name was made with. */
  const numbers = new Map<string, number>();
  return nodes.map((node) => {
    let { name } = node;
    let number = numbers.get(node.name) ?? 1;
    while (met.has(name) || (name !== node.name && taken.has(name))) name = `${node.name}#${++number}`;
    if (number > 1) numbers.set(node.name, number);
    met.add(name);
    return { ...node, name };
  });
}

function invalid(what: string): MocoError {
  return new MocoError('model-invalid', what);
}
