/** Shape inference: the shape of every value of a graph from those of its inputs. */
import { MocoError } from '../errors.ts';
import { intAttribute, type Window, windowOf, windowOutput } from './attributes.ts';
import type { Dim, Graph, Node, Shape } from './graph.ts';

type Rule = (node: Node, inputs: readonly Shape[]) => readonly Shape[];

const sameAsFirst: Rule = (node, [x]) => node.outputs.map(() => x ?? []);

const RULES: Readonly<Record<string, Rule>> = {
  Relu: sameAsFirst,
  Identity: sameAsFirst,
  BatchNormalization: (node, [x, scale]) => node.outputs.map((_, i) => (i === 0 ? (x ?? []) : (scale ?? []))),
  Add: (node, [a, b]) => [broadcast(node, a ?? [], b ?? [])],
  Conv: (node, [x, w]) => {
    const [batch, channels, height, width] = image(node, x);
    const perGroup = image(node, w)[1];
    if (perGroup * intAttribute(node, 'group', 1) !== channels) {
      throw new MocoError(
        'shape-mismatch',
        `node ${node.name} (Conv): weights [${w}] do not fit ${channels} channels`,
      );
    }
    return [[batch, w![0]!, ...windowed(node, windowOf(node, w!.slice(2).map(Number)), height, width)]];
  },
  MaxPool: (node, [x]) => {
    const [batch, channels, height, width] = image(node, x);
    if (intAttribute(node, 'ceil_mode', 0) !== 0) {
      throw new MocoError('operator-unsupported', `node ${node.name} (MaxPool): ceil_mode is not supported`);
    }
    return [[batch, channels, ...windowed(node, windowOf(node), height, width)]];
  },
  GlobalAveragePool: (node, [x]) => {
    const [batch, channels] = image(node, x);
    return [[batch, channels, 1, 1]];
  },
  Flatten: (node, [x]) => {
    if (intAttribute(node, 'axis', 1) !== 1) {
      throw new MocoError('operator-unsupported', `node ${node.name} (Flatten): only axis 1 is supported`);
    }
    const rest = (x ?? []).slice(1).map((size) => fixed(node, size));
    return [[x?.[0] ?? 0, rest.reduce((product, size) => product * size, 1)]];
  },
  Gemm: (node, [a, b]) => {
    const [rows, inner] = intAttribute(node, 'transA', 0) ? [a?.[1], a?.[0]] : [a?.[0], a?.[1]];
    const [columns, terms] = intAttribute(node, 'transB', 0) ? [b?.[0], b?.[1]] : [b?.[1], b?.[0]];
    if (a?.length !== 2 || b?.length !== 2 || inner !== terms) {
      throw new MocoError('shape-mismatch', `node ${node.name} (Gemm): [${a}] and [${b}] do not multiply`);
    }
    return [[rows!, columns!]];
  },
};

/**
 * The shape of every value.
 * @throws MocoError operator-unsupported for an operator without a shape rule, shape-mismatch for inputs that do not fit
 */
export function inferShapes(graph: Graph): Map<string, Shape> {
  const shapes = new Map<string, Shape>(graph.inputs.map(({ name, shape }) => [name, shape]));
  for (const [name, { shape }] of graph.constants) shapes.set(name, shape);
  for (const node of graph.nodes) {
    const rule = RULES[node.op];
    if (!rule) {
      const known = Object.keys(RULES).join(', ');
      throw new MocoError(
        'operator-unsupported',
        `node ${node.name}: operator ${node.op} has no shape rule. Supported: ${known}`,
      );
    }
    const inputs = node.inputs.map((name) => {
      const shape = shapes.get(name);
      if (!shape && name !== '') {
        throw new MocoError(
          'model-invalid',
          `node ${node.name} (${node.op}) reads ${name}, which nothing has written`,
        );
      }
      return shape ?? [];
    });
    rule(node, inputs).forEach((shape, i) => {
      shapes.set(node.outputs[i]!, shape);
    });
  }
  return shapes;
}

/** A size that must be known before the graph runs. */
export function fixed(node: Node, size: Dim | undefined): number {
  if (typeof size === 'number' && size > 0) return size;
  throw new MocoError(
    'shape-mismatch',
    `node ${node.name} (${node.op}): size ${String(size)} must be a fixed number above 0 (only the batch may be dynamic)`,
  );
}

/** [batch, channels, height, width] of an image tensor. */
export function image(node: Node, shape: Shape | undefined): [Dim, number, number, number] {
  if (shape?.length !== 4) {
    throw new MocoError(
      'shape-mismatch',
      `node ${node.name} (${node.op}): expected [N, C, H, W], got [${shape}]`,
    );
  }
  return [shape[0]!, fixed(node, shape[1]), fixed(node, shape[2]), fixed(node, shape[3])];
}

/** Height and width of a window's output. */
function windowed(node: Node, window: Window, height: number, width: number): [number, number] {
  const [oh, ow] = windowOutput(window, height, width);
  if (oh > 0 && ow > 0) return [oh, ow];
  throw new MocoError(
    'shape-mismatch',
    `node ${node.name} (${node.op}): a window of [${window.kernel}] does not fit [${height}, ${width}]`,
  );
}

function broadcast(node: Node, a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const x = a[a.length - rank + i] ?? 1;
    const y = b[b.length - rank + i] ?? 1;
    if (x === y || y === 1) return x;
    if (x === 1) return y;
    throw new MocoError(
      'shape-mismatch',
      `node ${node.name} (${node.op}): [${a}] and [${b}] do not broadcast`,
    );
  });
}
