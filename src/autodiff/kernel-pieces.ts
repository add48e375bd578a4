/** A graph without the nodes that kernels of ours compute: pieces that run one after the other, between which kernels are called. */
import type { Graph, Node, Shape, Value } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { inferTypes } from '../onnx/types.ts';

export type KernelPiece =
  | { readonly kind: 'graph'; readonly graph: Graph }
  | { readonly kind: 'kernel'; readonly node: Node; readonly shapeOf: (name: string) => Shape };

/**
 * The pieces, in the order in which they run: what later ones read, and what the graph gives, is given by each. Kernels are called in the
 * order of the graph, so that what is computed again from what was kept is not there before its time; nodes between them wait, for
 * the fewest runs, until a kernel reads what one of them gives.
 * @returns null where kernels take none of the nodes
 */
export function kernelPieces(graph: Graph, taken: ReadonlySet<Node>): readonly KernelPiece[] | null {
  if (taken.size === 0) return null;
  const shapes = inferShapes(graph);
  const order: (Node | readonly Node[])[] = [];
  let waiting: Node[] = [];
  for (const node of graph.nodes) {
    if (!taken.has(node)) waiting.push(node);
    else {
      const given = new Set(waiting.flatMap(({ outputs }) => outputs));
      if (node.inputs.some((name) => given.has(name))) {
        order.push(waiting);
        waiting = [];
      }
      order.push(node);
    }
  }
  if (waiting.length > 0) order.push(waiting);
  const described = descriptions(graph, shapes);
  const given = new Set(graph.outputs.map(({ name }) => name));
  const readOf = (part: Node | readonly Node[]) => [part].flat().flatMap(({ inputs }) => inputs);
  return order.map((part, i): KernelPiece => {
    if ('op' in part) return { kind: 'kernel', node: part, shapeOf: (name) => shapes.get(name) ?? [] };
    const wanted = new Set([...given, ...order.slice(i + 1).flatMap(readOf)]);
    return { kind: 'graph', graph: pieceOf(graph, `${graph.name}.${i}`, part, wanted, described) };
  });
}

function descriptions(graph: Graph, shapes: ReadonlyMap<string, Shape>): (name: string) => Value {
  const types = inferTypes(graph);
  const inputs = new Map(graph.inputs.map((value) => [value.name, value]));
  return (name) => inputs.get(name) ?? { name, type: types.get(name) ?? 'float32', shape: shapes.get(name)! };
}

function pieceOf(
  graph: Graph,
  name: string,
  nodes: readonly Node[],
  wanted: ReadonlySet<string>,
  described: (name: string) => Value,
): Graph {
  const written = nodes.flatMap((node) => node.outputs).filter((output) => output !== '');
  const own = new Set(written);
  const read = new Set(nodes.flatMap((node) => node.inputs));
  const fed = [...read].filter((input) => input !== '' && !own.has(input) && !graph.constants.has(input));
  return {
    ...{ name, opset: graph.opset, nodes },
    constants: new Map([...graph.constants].filter(([constant]) => read.has(constant))),
    inputs: fed.map(described),
    outputs: written.filter((output) => wanted.has(output)).map(described),
  };
}
