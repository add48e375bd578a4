/** Small files that ask for much: each made by hand, for whom reading must be bounded. */
import { type Constant, type Graph, GraphBuilder, type Node } from '../../../src/onnx/graph.ts';

const node = (op: string, inputs: string[], output: string, name = output): Node => ({
  name,
  op,
  domain: '',
  inputs,
  outputs: [output],
  attributes: {},
});
const ints = (...values: number[]): Constant => ({
  type: 'int64',
  shape: [values.length],
  data: BigInt64Array.from(values, BigInt),
});

function graphOf(
  nodes: readonly Node[],
  constants: Record<string, Constant>,
  batch: number | string,
  last: string,
): Graph {
  const g = new GraphBuilder('bomb');
  g.input('image', [batch, 3, 8, 8]);
  for (const [name, constant] of Object.entries(constants)) g.constant(name, constant);
  for (const each of nodes) g.node(each);
  const pooled = g.op('GlobalAveragePool', [last]);
  g.op('Flatten', [pooled], { axis: 1 }, 'out');
  g.output('out', [batch, 3]);
  return g.build();
}

/** Each node squares the name of a size. */
export function doublingSizes(count: number): Graph {
  const nodes = [node('Shape', ['image'], 's'), node('Slice', ['s', 'zero', 'one', 'zero'], 'b0')];
  for (let i = 1; i <= count; i++) nodes.push(node('Mul', [`b${i - 1}`, `b${i - 1}`], `b${i}`));
  nodes.push(
    { ...node('Cast', [`b${count}`], 'f'), attributes: { to: 1 } },
    node('Add', ['image', 'f'], 'x'),
  );
  return graphOf(nodes, { zero: ints(0), one: ints(1) }, 'b', 'x');
}

/** Reshapes of a fixed batch of one, each with several places where the batch may be. */
export function manyReshapes(count: number): Graph {
  const nodes = Array.from({ length: count }, (_, i) =>
    node('Reshape', [i === 0 ? 'image' : `v${i - 1}`, `sh${i % 2}`], `v${i}`),
  );
  nodes.push(node('Transpose', [`v${count - 1}`], 'tt'));
  nodes[count] = { ...nodes[count]!, attributes: { perm: [1, 0, 2, 3, 4] } };
  nodes.push(node('Reshape', ['tt', 'back'], 'x'));
  return graphOf(
    nodes,
    { sh0: ints(1, 1, 3, 8, 8), sh1: ints(1, 3, 1, 8, 8), back: ints(3, 1, 8, 8) },
    1,
    'x',
  );
}

export function oneName(count: number): Graph {
  const nodes = Array.from({ length: count }, (_, i) =>
    node('Relu', [i === 0 ? 'image' : `v${i - 1}`], `v${i}`, 'n'),
  );
  return graphOf(nodes, {}, 'b', `v${count - 1}`);
}

/** A chain that is cheap to compute again from one end to the other. */
export function manyMuls(count: number): Graph {
  const nodes = Array.from({ length: count }, (_, i) =>
    node('Mul', i === 0 ? ['image', 'w'] : [`v${i - 1}`, `v${i - 1}`], `v${i}`),
  );
  const w: Constant = { type: 'float32', shape: [3, 1, 1], data: Float32Array.of(0.5, 0.25, 0.125) };
  return graphOf(nodes, { w }, 'b', `v${count - 1}`);
}

/** Values known at import, 8 MB each. */
export function manyKnown(count: number): Graph {
  const nodes: Node[] = [node('Expand', ['one', 'large'], 'k0')];
  for (let i = 1; i < count; i++) nodes.push(node('Neg', [`k${i - 1}`], `k${i}`));
  nodes.push(node('ReduceSum', [`k${count - 1}`], 'sum'));
  nodes.push({ ...node('Cast', ['sum'], 'f'), attributes: { to: 1 } }, node('Add', ['image', 'f'], 'x'));
  return graphOf(nodes, { one: ints(1), large: ints(2 ** 20) }, 'b', 'x');
}

/** As many Expands to the batch, each read by one node. */
export function manyExpands(count: number): Graph {
  const nodes: Node[] = [node('Shape', ['image'], 's')];
  let at = 'image';
  for (let i = 0; i < count; i++) {
    nodes.push(node('Expand', ['w', 's'], `e${i}`), node('Add', [at, `e${i}`], `v${i}`));
    at = `v${i}`;
  }
  const w: Constant = { type: 'float32', shape: [3, 1, 1], data: Float32Array.of(0.5, 0.25, 0.125) };
  return graphOf(nodes, { w }, 'b', at);
}
