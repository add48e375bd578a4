/**
 * A graph cut into pieces that run one after the other. What a graph gives out lives until its run ends: a backward graph that
 * gives the gradient of each activation to kernels would hold all of them at once. Cut, it holds those of a piece.
 */
import type { Graph, Node, Value } from '../onnx/graph.ts';
import { inferShapes } from '../onnx/shapes.ts';
import { inferTypes } from '../onnx/types.ts';
import { byteSizes } from './memory.ts';

/**
 * The pieces, each with the values that later ones read among its outputs.
 * @param given outputs that should not pile up
 * @param most bytes of them that one piece gives; one with a larger output gives that alone
 */
export function cutGraph(graph: Graph, given: ReadonlySet<string>, most: number): readonly Graph[] {
  const size = byteSizes(graph);
  const weights = graph.nodes.map(({ outputs }) =>
    outputs.reduce((sum, name) => sum + (given.has(name) ? size(name) : 0), 0),
  );
  const crossing = crossingBytes(graph, size);
  const ends: number[] = [];
  let begin = 0;
  while (begin < graph.nodes.length) {
    const end = endOf(begin, weights, crossing, most);
    ends.push(end);
    begin = end;
  }
  return ends.length < 2 ? [graph] : pieces(graph, ends);
}

/** Where the piece that begins there ends: in the second half of what it may give, where the least is passed on. */
function endOf(begin: number, weights: readonly number[], crossing: readonly number[], most: number): number {
  let sum = 0;
  let best: number | null = null;
  for (let i = begin; i < weights.length; i++) {
    if (sum > 0 && sum + weights[i]! > most && best !== null) return best;
    sum += weights[i]!;
    // The last of equal ones: a piece ends as late as it may.
    const isCut = sum > most / 2 && Number.isFinite(crossing[i + 1]!);
    if (isCut && (best === null || crossing[i + 1]! <= crossing[best]!)) best = i + 1;
  }
  return weights.length;
}

/** For each place before a node: bytes of values that are computed before it and read after it. */
function crossingBytes(graph: Graph, size: (name: string) => number): readonly number[] {
  const types = inferTypes(graph);
  const lastReader = new Map<string, number>();
  graph.nodes.forEach(({ inputs }, i) => {
    for (const name of inputs) lastReader.set(name, i);
  });
  const bytes = new Array<number>(graph.nodes.length + 1).fill(0);
  /** Values that no session hands to another: sizes, masks. */
  const others = new Array<number>(graph.nodes.length + 1).fill(0);
  graph.nodes.forEach(({ outputs }, i) => {
    for (const name of outputs) {
      const last = lastReader.get(name);
      if (last === undefined || last <= i) continue;
      const isFloat = (types.get(name) ?? 'float32') === 'float32';
      const [into, by] = isFloat ? [bytes, size(name)] : [others, 1];
      into[i + 1]! += by;
      into[last + 1]! -= by;
    }
  });
  let [sum, count] = [0, 0];
  return bytes.map((change, i) => {
    sum += change;
    count += others[i]!;
    return count > 0 ? Number.POSITIVE_INFINITY : sum;
  });
}

function pieces(graph: Graph, ends: readonly number[]): Graph[] {
  const shapes = inferShapes(graph);
  const inputs = new Map(graph.inputs.map((value) => [value.name, value]));
  const described = (name: string): Value =>
    inputs.get(name) ?? { name, type: 'float32', shape: shapes.get(name)! };
  const readLater = (from: number) => new Set(graph.nodes.slice(from).flatMap((node) => node.inputs));
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  return ends.map((end, i) => {
    const nodes: readonly Node[] = graph.nodes.slice(ends[i - 1] ?? 0, end);
    const written = nodes.flatMap((node) => node.outputs);
    const own = new Set(written);
    const read = new Set(nodes.flatMap((node) => node.inputs));
    const later = readLater(end);
    const constants = [...graph.constants].filter(([name]) => read.has(name));
    const fed = [...read].filter((name) => name !== '' && !own.has(name) && !graph.constants.has(name));
    return {
      name: `${graph.name}.${i}`,
      opset: graph.opset,
      nodes,
      constants: new Map(constants),
      inputs: fed.map(described),
      outputs: written.filter((name) => outputs.has(name) || later.has(name)).map(described),
    };
  });
}
