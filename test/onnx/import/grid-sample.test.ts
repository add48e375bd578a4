/** GridSample in simpler operators: values as onnxruntime's own kernel gives them, gradients by PyTorch's formulas in float64. */
import { describe, expect, it } from 'vitest';
import { runGradient, runOnce, type Values } from '../../../src/encoder/run-gradient.ts';
import { type Attributes, GraphBuilder } from '../../../src/onnx/graph.ts';
import { importModel } from '../../../src/onnx/import/import-model.ts';
import { decodeModel, encodeModel } from '../../../src/onnx/model.ts';
import { random } from '../../autodiff/run.ts';
import { expectClose } from '../../compare.ts';

const [N, H, W, ROWS, COLUMNS] = [2, 4, 6, 3, 5];

interface Case {
  readonly channels: number;
  readonly opset: number;
  readonly attributes: Attributes;
}

/** Within and beyond the image; with corners aligned the first sample lies on a pixel, where a kink is. */
function gridOf(): Values {
  const { shape, data } = random([N, ROWS, COLUMNS, 2], 5, 0.8);
  return { shape, data: data.map((value, i) => (i < 2 ? -1 : value)) };
}

function modelOf({ channels, opset, attributes }: Case, grid: Values): Uint8Array {
  const g = new GraphBuilder('sampler');
  g.input('x', [N, channels, H, W]);
  const places = g.constant('grid', { type: 'float32', ...grid });
  g.op('GridSample', ['x', places], attributes, 'y');
  g.output('y', [N, channels, ROWS, COLUMNS]);
  return encodeModel({ ...g.build(), opset });
}

/** As torch.nn.functional.grid_sample differentiates itself: neighbors are fixed, and the shares of them move. */
function gradients(x: Values, grid: Values, dy: Values, { channels, attributes }: Case) {
  const dx = new Float64Array(x.data.length);
  const dGrid = new Float64Array(grid.data.length);
  const align = attributes.align_corners === 1;
  const border = attributes.padding_mode === 'border';
  const place = (value: number, size: number) => {
    const raw = align ? ((value + 1) / 2) * (size - 1) : ((value + 1) * size - 1) / 2;
    const inside = !border || (raw > 0 && raw < size - 1);
    return {
      at: border ? Math.max(0, Math.min(size - 1, raw)) : raw,
      slope: inside ? (align ? size - 1 : size) / 2 : 0,
    };
  };
  for (let n = 0; n < N; n++) {
    for (let p = 0; p < ROWS * COLUMNS; p++) {
      const cell = 2 * (n * ROWS * COLUMNS + p);
      const [h, v] = [place(grid.data[cell]!, W), place(grid.data[cell + 1]!, H)];
      const [left, top] = [Math.floor(h.at), Math.floor(v.at)];
      for (let c = 0; c < channels; c++) {
        const d = dy.data[(n * channels + c) * ROWS * COLUMNS + p]!;
        for (const [i, j] of [
          [0, 0],
          [0, 1],
          [1, 0],
          [1, 1],
        ] as const) {
          const [row, column] = [top + i, left + j];
          if (row < 0 || row >= H || column < 0 || column >= W) continue;
          const pixel = ((n * channels + c) * H + row) * W + column;
          const [shareV, shareH] = [i ? v.at - top : 1 - (v.at - top), j ? h.at - left : 1 - (h.at - left)];
          dx[pixel]! += d * shareV * shareH;
          dGrid[cell]! += d * x.data[pixel]! * shareV * (j ? 1 : -1) * h.slope;
          dGrid[cell + 1]! += d * x.data[pixel]! * shareH * (i ? 1 : -1) * v.slope;
        }
      }
    }
  }
  return { dx, dGrid };
}

const CASES: readonly Case[] = [
  { channels: 3, opset: 16, attributes: {} },
  { channels: 3, opset: 20, attributes: { mode: 'linear', align_corners: 1 } },
  { channels: 8, opset: 16, attributes: { align_corners: 1 } },
  { channels: 8, opset: 16, attributes: { padding_mode: 'border' } },
  { channels: 3, opset: 16, attributes: { mode: 'nearest' } },
];

describe('GridSample', () => {
  it.each(CASES)('$channels channels, opset $opset, $attributes', async (each) => {
    const grid = gridOf();
    const bytes = modelOf(each, grid);
    const x = random([N, each.channels, H, W], 1);
    const dy = random([N, each.channels, ROWS, COLUMNS], 2);
    // onnxruntime's kernel knows the mode by its first name.
    const attributes = {
      ...each.attributes,
      ...(each.attributes.mode === 'linear' ? { mode: 'bilinear' } : {}),
    };
    const original = decodeModel(modelOf({ ...each, opset: 16, attributes }, grid));
    const want = (await runOnce(original, { provider: 'wasm' }, new Map([['x', x]]))).get('y')!;
    const { graph, weights } = importModel(bytes, { train: ['grid'] });
    expect([...weights.keys()]).toEqual(['grid']);
    const isNearest = each.attributes.mode === 'nearest';
    const wrt = isNearest ? ['x'] : ['x', 'grid'];
    const { outputs, gradients: found } = await runGradient(
      graph,
      { wrt, outputs: ['y'] },
      { provider: 'wasm' },
      new Map([
        ['x', x],
        ['grid', grid],
      ]),
      new Map([['y', dy]]),
    );
    expectClose('y', outputs.get('y')!.data, want.data, 1e-5);
    if (isNearest) return;
    const { dx, dGrid } = gradients(x, grid, dy, each);
    expectClose('dx', found.get('x')!.data, dx, 1e-5);
    expectClose('dGrid', found.get('grid')!.data, dGrid, 1e-4);
  });

  it('of what is not written in simpler operators is refused, and says why', () => {
    const refused = (attributes: Attributes) => () =>
      importModel(modelOf({ channels: 3, opset: 16, attributes }, gridOf()));
    expect(refused({ mode: 'bicubic' })).toThrow(/\(GridSample\): mode bicubic is not supported/);
    expect(refused({ padding_mode: 'reflection' })).toThrow(/padding_mode reflection is not supported/);
  });

  it('by a grid of affine transformations is the image for the identity', async () => {
    const g = new GraphBuilder('stn');
    g.input('x', [N, 3, H, W]);
    const theta = g.constant('theta', {
      type: 'float32',
      shape: [N, 2, 3],
      data: Float32Array.of(1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0),
    });
    const grid = g.op('AffineGrid', [theta, g.ints([N, 3, H, W])], {});
    g.op('GridSample', ['x', grid], {}, 'y');
    g.output('y', [N, 3, H, W]);
    const { graph, weights } = importModel(encodeModel({ ...g.build(), opset: 20 }));
    const x = random([N, 3, H, W], 1);
    const given = new Map([
      ['x', x],
      ...[...weights].map(
        ([name, { shape, data }]) => [name, { shape, data: data as Float32Array }] as const,
      ),
    ]);
    expectClose('y', (await runOnce(graph, { provider: 'wasm' }, given)).get('y')!.data, x.data, 1e-5);
  });
});
