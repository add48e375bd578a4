/** Which nodes a gradient has to pass. */
import { MocoError } from '../errors.ts';
import type { Graph, Node } from '../onnx/graph.ts';
import { sliceFor } from '../onnx/slice.ts';

export interface GradientPath {
  /** Values that depend on what gradients are wanted for. */
  readonly values: ReadonlySet<string>;
  /** Nodes between these and the outputs. */
  readonly nodes: ReadonlySet<Node>;
}

/** @throws MocoError usage where a name in `wrt` does not exist */
export function gradientPath(graph: Graph, wrt: readonly string[], outputs: readonly string[]): GradientPath {
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
  const nodes = new Set(sliceFor(graph, outputs).nodes.filter((node) => dependent.has(node)));
  return { values, nodes };
}

/** `x → conv1 → [this node] → fc → y`: one way from an input over a node to an output, the middle of long ones left out. */
export function describePath(graph: Graph, path: GradientPath, blocked: Node): string {
  const producer = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node] as const)));
  const reader = new Map<string, Node>();
  for (const node of graph.nodes.toReversed()) {
    if (path.nodes.has(node)) for (const name of node.inputs) reader.set(name, node);
  }
  const ends = new Set(graph.outputs.map(({ name }) => name));
  const before: string[] = [];
  let at: Node | undefined = blocked;
  while (at) {
    const input: string = at.inputs.find((name) => path.values.has(name)) ?? '';
    at = producer.get(input);
    before.push(at ? at.name : input);
  }
  before.reverse();
  const after: string[] = [];
  at = blocked;
  while (at) {
    const outputs: readonly string[] = at.outputs;
    at = outputs.flatMap((name) => reader.get(name) ?? [])[0];
    const end = outputs.find((name) => ends.has(name));
    if (at || end) after.push(at ? at.name : end!);
  }
  return [...shorten(before, 1), `[${blocked.name}]`, ...shorten(after, 2)].join(' → ');
}

const LONGEST = 4;

function shorten(names: readonly string[], head: number): readonly string[] {
  if (names.length <= LONGEST) return names;
  return [
    ...names.slice(0, head),
    `… ${names.length - LONGEST + 1} more …`,
    ...names.slice(names.length - LONGEST + 1 + head),
  ];
}
