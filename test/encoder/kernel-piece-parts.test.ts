/** Graphs of which kernels of ours compute convolutions, and what follows them, between runs of the rest. */
import { describe, expect, it } from 'vitest';
import { chooseKernelNodes } from '../../src/autodiff/kernel-nodes.ts';
import { RECOMPUTE_LEVELS } from '../../src/autodiff/training-graphs.ts';
import { ArrayEncoder } from '../../src/encoder/array-encoder.ts';
import { isWorthAKernel, piecesOf } from '../../src/encoder/kernel-piece-parts.ts';
import { makePlan, ON_WASM, onNative } from '../../src/encoder/make-plan.ts';
import type { GraphPart, KernelCall } from '../../src/encoder/training-plan.ts';
import { initialParameter } from '../../src/models/initial-values.ts';
import { encoderLayout } from '../../src/models/layout.ts';
import type { Attributes, Graph } from '../../src/onnx/graph.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';
import type { ResNetSpec } from '../../src/onnx/resnet.ts';
import { expectClose, expectSameBits } from '../compare.ts';
import { generator, normals } from '../kernels/inputs.ts';

const SPEC: ResNetSpec = {
  block: 'basic',
  layers: [1, 1],
  planes: [16, 32],
  stem: 'cifar',
  dim: 5,
  mlp: true,
};
const [SIZE, GROUP] = [16, 8];

/** The operators of the kernels that a graph calls, in order. */
function called({ pieces }: GraphPart): string[] {
  return (pieces?.parts ?? []).flatMap(({ part }) => (part.kind === 'kernel' ? part.operation.operator : []));
}

/** A convolution between two other nodes. */
function graphOf(filters: number, attributes: Attributes = {}, channels = 16, batch: number | string = 8) {
  const g = new GraphBuilder('one');
  g.input('x', [batch, 16, 16, 16]);
  g.input('w', [filters, channels, 3, 3]);
  const y = g.op('Conv', [g.op('Neg', ['x']), 'w'], {
    kernel_shape: [3, 3],
    pads: [1, 1, 1, 1],
    ...attributes,
  });
  g.output(g.op('Neg', [y]), [batch, filters, 16, 16]);
  return g.build();
}

function withConstantWeight(graph: Graph): Graph {
  const shape = [16, 16, 3, 3];
  const constant = { type: 'float32', shape, data: new Float32Array(16 * 16 * 9) } as const;
  const inputs = graph.inputs.filter(({ name }) => name !== 'w');
  return { ...graph, inputs, constants: new Map([...graph.constants, ['w', constant]]) };
}

const chosen = (graph: Graph) => chooseKernelNodes(graph, isWorthAKernel);

describe('a graph in pieces', () => {
  it.each(['least', 'segments'] as const)('gives what the graph gives, at level %s', async (recompute) => {
    const options = { spec: SPEC, groupSize: GROUP, imageSize: SIZE, recompute };
    const plan = makePlan(options, ON_WASM);
    // The other three convolutions have few products.
    const normalized = ['Conv', 'BatchNorm', 'Add', 'Relu'];
    expect(called(plan.forward)).toEqual(['Conv', 'BatchNorm', 'Relu', ...normalized, ...normalized]);
    expect(called(plan.trainingForward)).toEqual(called(plan.forward));
    // What the last level computes again are whole segments.
    const again = recompute === 'least' ? ['BatchNormAgain'] : ['BatchNorm', 'Conv'];
    const gradients = ['BatchNormBackward', 'ConvInputGradient', 'ReluBackward'];
    const back = plan.backward.flatMap((part) => (part.kind === 'graph' ? called(part) : []));
    expect(new Set(back)).toEqual(new Set(['Add', 'Relu', ...again, ...gradients]));
    const weights = encoderLayout(SPEC, SIZE).parameters.map((one, i) => initialParameter(one, i, 2));
    const images = normals(GROUP * 3 * SIZE * SIZE, generator(1));
    const found = [];
    for (const one of [plan, makePlan(options, onNative(null, 1, 1))]) {
      const encoder = new ArrayEncoder(one, 'wasm');
      await encoder.setWeights('encoder_q', weights);
      const { embedding } = await encoder.forward('encoder_q', images);
      const rows = [];
      // Twice: arrays of the kernels are used again.
      for (let i = 0; i < 2; i++) {
        await encoder.trainingForward('encoder_q', images);
        rows.push(await encoder.backward(normals(GROUP * SPEC.dim, generator(7))));
      }
      for (const [i, gradient] of rows[0]!.entries()) expectSameBits(`gradient ${i}`, rows[1]![i]!, gradient);
      found.push({ embedding, gradients: rows[0]! });
      await encoder.dispose();
    }
    const [own, other] = found;
    expectClose('embedding', own!.embedding, other!.embedding, 1e-4);
    for (const [i, gradient] of other!.gradients.entries()) {
      const size = Math.hypot(...gradient);
      expectClose(`gradient ${i}`, own!.gradients[i]!, gradient, 1e-3 * size + 1e-5);
    }
  });

  it('gives the same bits whatever is computed again', async () => {
    // 1×1 convolutions, which are worth a kernel only where x lies with the kernels: not so at the beginning of a segment.
    const spec: ResNetSpec = { ...SPEC, block: 'bottleneck', layers: [2, 1], planes: [32, 64] };
    const [images, size] = [8, 32];
    const weights = encoderLayout(spec, size).parameters.map((one, i) => initialParameter(one, i, 2));
    const found = [];
    for (const recompute of RECOMPUTE_LEVELS) {
      const plan = makePlan({ spec, groupSize: images, imageSize: size, recompute }, ON_WASM);
      const encoder = new ArrayEncoder(plan, 'wasm');
      await encoder.setWeights('encoder_q', weights);
      await encoder.trainingForward('encoder_q', normals(images * 3 * size * size, generator(1)));
      found.push(await encoder.backward(normals(images * spec.dim, generator(7))));
      await encoder.dispose();
    }
    const [least, ...others] = found;
    for (const other of others)
      for (const [i, gradient] of least!.entries()) expectSameBits(`gradient ${i}`, other[i]!, gradient);
  });

  it('names what is not read any more', () => {
    const { parts, outputs } = piecesOf(graphOf(16), chosen(graphOf(16)))!;
    const [before, convolution, after] = parts;
    expect(parts.map(({ part }) => part.kind)).toEqual(['graph', 'kernel', 'graph']);
    expect(before!.done).toEqual([]);
    expect(convolution!.done).toEqual([(convolution!.part as KernelCall).inputs[0]]);
    expect(after!.done).toEqual([(convolution!.part as KernelCall).outputs[0]!.name]);
    expect(outputs.length).toBe(1);
  });

  it.each<[string, ReturnType<typeof graphOf>]>([
    ['few filters', graphOf(4)],
    ['few products', graphOf(8)],
    ['groups', graphOf(16, { group: 2 }, 8)],
    ['a batch that is not known', graphOf(16, {}, 16, 'batch')],
    ['a weight that is a constant', withConstantWeight(graphOf(16))],
    ['pads below 0', graphOf(16, { pads: [-1, 0, 0, 0] })],
  ])('leaves a convolution of %s to onnxruntime', (_, graph) => {
    expect(piecesOf(graph, chosen(graph))).toBeNull();
  });
});
