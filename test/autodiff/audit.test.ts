import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { auditModel } from '../../src/autodiff/audit.ts';
import { differentiateModel } from '../../src/autodiff/differentiate-model.ts';
import { LOWERINGS } from '../../src/autodiff/lowering.ts';
import { judge } from '../../src/autodiff/providers.ts';
import { MocoError } from '../../src/errors.ts';
import { type Graph, GraphBuilder } from '../../src/onnx/graph.ts';
import { importModel } from '../../src/onnx/import/import-model.ts';
import { inferShapes } from '../../src/onnx/shapes.ts';
import { inferTypes } from '../../src/onnx/types.ts';

const PROVIDERS = Object.values(LOWERINGS).map(({ provider }) => provider);

/** x [2, 4] → y, with w [4] among the inputs. */
function graphOf(build: (g: GraphBuilder) => string): Graph {
  const g = new GraphBuilder('audited', 'e');
  g.input('x', [2, 4]);
  g.input('w', [4]);
  g.op('Mul', [build(g), 'w'], {}, 'y');
  g.output('y', inferShapes(g.build()).get('y')!);
  return g.build();
}

describe('the audit', () => {
  it('has nothing to say where all runs', () => {
    const graph = graphOf((g) => g.op('Relu', [g.op('Add', ['x', 'w'])]));
    for (const provider of PROVIDERS) {
      const counts = { nodes: 3, rewritten: 0, unrunnable: 0, undifferentiable: 0 };
      expect(auditModel(graph, provider)).toEqual({ provider, nodes: [], counts, ok: true });
    }
  });

  it('tells what is written instead of what WebGPU leaves to the CPU', () => {
    const graph = graphOf((g) => g.op('Selu', ['x'], {}, 'bent'));
    expect(auditModel(graph, 'wasm').nodes).toEqual([]);
    const { nodes, ok } = auditModel(graph, 'webgpu');
    expect(nodes).toEqual([
      {
        node: 'bent',
        op: 'Selu',
        verdict: 'cpu',
        reason: 'no WebGPU kernel',
        rewrite: 'Elu, Mul',
        differentiable: true,
      },
    ]);
    expect(ok).toBe(true);
  });

  it('tells of the training form of BatchNormalization', () => {
    const g = new GraphBuilder('norm', 'e');
    g.input('x', ['batch', 3, 4, 4]);
    for (const name of ['gamma', 'beta', 'mean', 'variance']) g.input(name, [3]);
    g.op('BatchNormalization', ['x', 'gamma', 'beta', 'mean', 'variance'], { training_mode: 1 }, 'y');
    g.output('y', ['batch', 3, 4, 4]);
    const { nodes, ok } = auditModel(g.build(), 'webgpu', ['gamma']);
    expect(nodes).toMatchObject([
      { node: 'y', verdict: 'fails', rewrite: expect.stringContaining('ReduceSum') },
    ]);
    expect(ok).toBe(true);
  });

  it('finds an output that nothing is written for', () => {
    const g = new GraphBuilder('pool', 'e');
    g.input('x', [1, 2, 4, 4]);
    const attributes = { kernel_shape: [2, 2], strides: [2, 2] };
    g.node({ name: 'pool', op: 'MaxPool', domain: '', inputs: ['x'], outputs: ['y', 'indices'], attributes });
    g.output('y', [1, 2, 2, 2]);
    expect(auditModel(g.build(), 'webgpu')).toMatchObject({
      nodes: [{ node: 'pool', verdict: 'fails', rewrite: null }],
      counts: { unrunnable: 1, undifferentiable: 0 },
      ok: false,
    });
  });

  it('asks for a gradient only where one has to pass', () => {
    const graph = graphOf((g) => g.op('Trilu', ['x'], {}, 'cut'));
    expect(auditModel(graph, 'wasm', ['w'])).toMatchObject({ nodes: [], ok: true });
    const { nodes, ok } = auditModel(graph, 'wasm', ['x', 'w']);
    const reason = 'operator Trilu has no gradient rule';
    expect(nodes).toMatchObject([
      { node: 'cut', verdict: 'runs', reason, rewrite: null, differentiable: false },
    ]);
    expect(ok).toBe(false);
  });

  it('refuses names that are no inputs', () => {
    expect(() =>
      auditModel(
        graphOf((g) => g.op('Relu', ['x'])),
        'wasm',
        ['v'],
      ),
    ).toThrow(MocoError);
  });
});

const FOLDER = new URL('./references/', import.meta.url);
const MODELS = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.onnx'))
  .sort();

/** Nodes of the graph that WebGPU would not run. */
function unrunnable(graph: Graph): string[] {
  const [shapes, types] = [inferShapes(graph), inferTypes(graph)];
  return graph.nodes.flatMap((node) => {
    const facts = { node, shape: (x: string) => shapes.get(x) ?? [], type: (x: string) => types.get(x)! };
    const { verdict, reason } = judge(facts, 'webgpu');
    return verdict === 'runs' ? [] : [`${node.name} (${node.op}) ${verdict}: ${reason}`];
  });
}

/** null for what is not read. */
function imported(bytes: Uint8Array) {
  try {
    return importModel(bytes);
  } catch (error) {
    if (error instanceof MocoError) return null;
    throw error;
  }
}

describe('of models that PyTorch exported, the audit says what differentiate does', () => {
  it.each(MODELS)('%s', (file) => {
    const bytes = new Uint8Array(readFileSync(new URL(file, FOLDER)));
    const model = imported(bytes);
    if (model === null) {
      expect(() => differentiateModel(bytes)).toThrow(MocoError);
      return;
    }
    const { ok } = auditModel(model.graph, 'webgpu', [...model.weights.keys()]);
    if (!ok || model.weights.size === 0) {
      expect(() => differentiateModel(bytes, { provider: 'webgpu' })).toThrow(MocoError);
      return;
    }
    const { forward, backward } = differentiateModel(bytes, { provider: 'webgpu' });
    expect([...unrunnable(forward), ...unrunnable(backward)]).toEqual([]);
  });
});
