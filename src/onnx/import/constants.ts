/** Constant nodes, as constants of the graph. */
import { MocoError } from '../../errors.ts';
import type { Constant, Graph, Node } from '../graph.ts';

/** The graph without its Constant nodes; initializers keep their place before what nodes held. */
export function hoistConstants(graph: Graph): Graph {
  const constants = new Map(graph.constants);
  const nodes = graph.nodes.filter((node) => {
    if (node.op !== 'Constant') return true;
    constants.set(node.outputs[0] ?? '', tensorOf(node));
    return false;
  });
  return { ...graph, constants, nodes };
}

function tensorOf(node: Node): Constant {
  const { value, value_float, value_floats, value_int, value_ints } = node.attributes;
  if (typeof value === 'object' && 'tensor' in value) return value.tensor;
  if (typeof value_float === 'object' && 'float' in value_float) return floats([], [value_float.float]);
  if (typeof value_floats === 'object' && 'floats' in value_floats) {
    return floats([value_floats.floats.length], value_floats.floats);
  }
  if (typeof value_int === 'number') return ints([], [value_int]);
  if (Array.isArray(value_ints)) return ints([value_ints.length], value_ints as readonly number[]);
  throw new MocoError(
    'operator-unsupported',
    `node ${node.name} (Constant): holds ${Object.keys(node.attributes).join(', ') || 'nothing'}, which is no tensor`,
  );
}

function floats(shape: readonly number[], values: readonly number[]): Constant {
  return { type: 'float32', shape, data: Float32Array.from(values) };
}

function ints(shape: readonly number[], values: readonly number[]): Constant {
  return { type: 'int64', shape, data: BigInt64Array.from(values, BigInt) };
}
