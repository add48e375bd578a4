/**
 * GridSample of images as products with matrices that the grid decides: how much each pixel counts in each sample, along
 * rows times along columns (Jaderberg, Simonyan, Zisserman, Kavukcuoglu, "Spatial Transformer Networks", arXiv:1506.02025,
 * equation (5)). Samples of zeros outside fall out of it: no pixel counts there. Which pixels are neighbors comes from a
 * Floor, that no gradient passes; how much they count from what it leaves, whose gradient is theirs: x(i+1) − x(i), as in PyTorch.
 */
import { MocoError } from '../../errors.ts';
import { intAttribute, stringAttribute } from '../attributes.ts';
import type { Node } from '../graph.ts';
import { fixed } from '../shape-rules/rule.ts';
import { type Rewriting, reshapeTo } from './rewriting.ts';

/** Elements of what is written for an image: 64 MiB. */
const MOST_ELEMENTS = 2 ** 24;
/** Of opsets 16 and 20. */
const LINEAR: readonly string[] = ['bilinear', 'linear'];

export const gridSample: Rewriting = (node, scope) => {
  const { g } = scope;
  const [x = '', grid = ''] = node.inputs;
  const [shape, places] = [scope.shape(x), scope.shape(grid)];
  const mode = stringAttribute(node, 'mode', 'bilinear');
  const padding = stringAttribute(node, 'padding_mode', 'zeros');
  if (shape.length !== 4 || places.length !== 4 || places[3] !== 2 || places[0] !== shape[0])
    throw unsupported(node, `images [${shape}] by a grid [${places}]`);
  if (!LINEAR.includes(mode) && mode !== 'nearest') throw unsupported(node, `mode ${mode}`);
  if (padding !== 'zeros' && padding !== 'border') throw unsupported(node, `padding_mode ${padding}`);
  const [batch = 1] = shape;
  const [channels, height, width] = shape.slice(1).map((size) => fixed(node, size));
  const [rows, columns] = places.slice(1, 3).map((size) => fixed(node, size));
  const [c, h, w, samples] = [channels!, height!, width!, rows! * columns!];
  const byRows = c < w;
  if ((byRows ? c : w) * h * samples > MOST_ELEMENTS)
    throw unsupported(node, `${samples} samples of images of ${c} channels and ${h} × ${w} pixels`);

  const flat = reshapeTo(node, scope, grid, [batch, samples, 2]);
  /** [batch, size, samples] along an axis: 0 is x, 1 is y. */
  const along = (axis: number, size: number) => {
    const at = g.op('Slice', [flat, g.ints([axis]), g.ints([axis + 1]), g.ints([2])]);
    const turned = g.op('Transpose', [at], { perm: [0, 2, 1] });
    return weights(pixels(turned, size), size);
  };
  const align = intAttribute(node, 'align_corners', 0) !== 0;
  /** −1 and 1 are the centers of the outermost pixels, or their outer edges. */
  const pixels = (at: string, size: number) => {
    const reach = align ? (size - 1) / 2 : size / 2;
    const place = g.op('Add', [g.op('Mul', [at, g.scalar(reach)]), g.scalar((size - 1) / 2)]);
    return padding === 'zeros' ? place : g.op('Clip', [place, g.scalar(0), g.scalar(size - 1)]);
  };
  const weights = (place: string, size: number) => {
    const ramp = g.constant(g.fresh('ramp'), {
      type: 'float32',
      shape: [1, size, 1],
      data: Float32Array.from({ length: size }, (_, i) => i),
    });
    const isAt = (index: string) => g.op('Cast', [g.op('Equal', [index, ramp])], { to: 1 });
    if (mode === 'nearest') return isAt(g.op('Round', [place]));
    const before = g.op('Floor', [place]);
    const share = g.op('Sub', [place, before]);
    const behind = g.op('Add', [before, g.scalar(1)]);
    const rest = g.op('Sub', [g.scalar(1), share]);
    return g.op('Add', [g.op('Mul', [isAt(before), rest]), g.op('Mul', [isAt(behind), share])]);
  };

  const [across, down] = [along(0, w), along(1, h)];
  let sampled: string;
  if (byRows) {
    const inRows = g.op('MatMul', [reshapeTo(node, scope, x, [batch, c * h, w]), across]);
    const each = reshapeTo(node, scope, inRows, [batch, c, h, samples]);
    const weighed = g.op('Mul', [each, reshapeTo(node, scope, down, [batch, 1, h, samples])]);
    sampled = g.op('ReduceSum', [weighed, g.ints([2])], { keepdims: 0 });
  } else {
    const [a, b] = [
      reshapeTo(node, scope, down, [batch, h, 1, samples]),
      reshapeTo(node, scope, across, [batch, 1, w, samples]),
    ];
    const both = reshapeTo(node, scope, g.op('Mul', [a, b]), [batch, h * w, samples]);
    sampled = g.op('MatMul', [reshapeTo(node, scope, x, [batch, c, h * w]), both]);
  }
  reshapeTo(node, scope, sampled, [batch, c, rows!, columns!], node.outputs[0]);
};

/** The grid of affine transformations [batch, 2, 3] of opset 20, for images: θ times (x, y, 1) of each sample. */
export const affineGrid: Rewriting = (node, scope) => {
  const { g } = scope;
  const [theta = '', size = ''] = node.inputs;
  const [batch = 1, two, three] = scope.shape(theta);
  const sizes = scope.known(size);
  if (two !== 2 || three !== 3 || sizes?.length !== 4)
    throw unsupported(
      node,
      `θ [${scope.shape(theta)}] for ${sizes ? `[${sizes}]` : 'a size that depends on the images'}`,
    );
  const [h, w] = sizes.slice(2).map((side) => fixed(node, side));
  const [rows, columns] = [h!, w!];
  if (!(rows * columns <= MOST_ELEMENTS)) throw unsupported(node, `${rows} × ${columns} samples`);
  const align = intAttribute(node, 'align_corners', 0) !== 0;
  const place = (i: number, count: number) =>
    align ? (count > 1 ? (2 * i) / (count - 1) - 1 : 0) : (2 * i + 1) / count - 1;
  const points = new Float32Array(3 * rows * columns);
  for (let i = 0; i < rows * columns; i++) {
    const [row, column] = [Math.floor(i / columns), i % columns];
    points.set([place(column, columns), place(row, rows), 1], 3 * i);
  }
  const base = g.constant(g.fresh('points'), { type: 'float32', shape: [rows * columns, 3], data: points });
  const moved = g.op('MatMul', [base, g.op('Transpose', [theta], { perm: [0, 2, 1] })]);
  reshapeTo(node, scope, moved, [batch, rows, columns, 2], node.outputs[0]);
};

function unsupported(node: Node, what: string): MocoError {
  return new MocoError('operator-unsupported', `node ${node.name} (${node.op}): ${what} is not supported`);
}
