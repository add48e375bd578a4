/** What onnxruntime-web itself says of where it has put the nodes of our graphs. */
import * as ort from 'onnxruntime-web/webgpu';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type EncodedModel, encoded } from '../../src/encoder/encoded-model.ts';
import { makePlan, onWebGpu as planPlace } from '../../src/encoder/make-plan.ts';
import { createSession, type SessionPlace, tensor } from '../../src/encoder/ort.ts';
import { partsOf } from '../../src/encoder/training-plan.ts';
import { type Graph, GraphBuilder } from '../../src/onnx/graph.ts';
import type { ResNetSpec } from '../../src/onnx/resnet.ts';
import { onWebGpu } from '../kernels/backends.ts';

const BLOCKS = { basic: [2, 4], bottleneck: [8, 16] } as const;

/** Two blocks, the second with stride and projection, on images as small as either stem takes. */
function networks(): { name: string; spec: ResNetSpec }[] {
  const all: { name: string; spec: ResNetSpec }[] = [];
  for (const block of ['basic', 'bottleneck'] as const)
    for (const stem of ['cifar', 'imagenet'] as const)
      for (const mlp of [true, false]) {
        const spec: ResNetSpec = { block, layers: [1, 1], planes: BLOCKS[block], stem, dim: 4, mlp };
        all.push({ name: `${block} block, ${stem} stem, ${mlp ? 'MLP' : 'fc'} head`, spec });
      }
  return all;
}

/** Everything that sessions say from now on; this build writes to console.error. */
async function listen(): Promise<{ readonly said: string[]; stop(): void }> {
  // Loads the build as the product does: the same instance of the module as is imported here.
  await tensor('webgpu', new Float32Array(1), [1]);
  const said: string[] = [];
  const write = vi.spyOn(console, 'error').mockImplementation((...words) => said.push(words.join(' ')));
  const { InferenceSession } = ort;
  const create = InferenceSession.create;
  // Sessions have a threshold of their own, whose default is warnings.
  InferenceSession.create = ((model: Uint8Array, options: ort.InferenceSession.SessionOptions) =>
    create.call(InferenceSession, model, { ...options, logSeverityLevel: 0 })) as typeof create;
  return {
    said,
    stop() {
      InferenceSession.create = create;
      write.mockRestore();
    },
  };
}

onWebGpu(({ kernels }) => {
  const place: SessionPlace = { provider: 'webgpu', device: kernels.device };
  let log: Awaited<ReturnType<typeof listen>>;
  const table: string[] = [];
  beforeAll(async () => {
    log = await listen();
  });
  afterAll(() => {
    log.stop();
    console.log(['nodes on the WebGPU provider, as it says', ...table].join('\n'));
  });

  /** Makes a session and ends it; what it said meanwhile. */
  async function saidOf(model: EncodedModel): Promise<string> {
    log.said.length = 0;
    const session = await createSession(model, place, { keepOnDevice: true });
    await session.dispose();
    return log.said.join('\n');
  }

  describe('every node of every graph is placed on WebGPU, and none copies to or from the host', () => {
    it.each(networks())('$name', async ({ name, spec }) => {
      const plan = makePlan({ spec, groupSize: 2, imageSize: 32 }, planPlace(kernels.device));
      const counts: string[] = [];
      for (const [part, { model }] of partsOf(plan)) {
        const said = await saidOf(model);
        const placed = [...said.matchAll(/placed on \[(\w+)\]\. Number of nodes: (\d+)/g)];
        expect(placed.map(([line]) => line).join(), said.slice(-2000)).toContain('WebGpuExecutionProvider');
        expect(said).toContain('All nodes placed on [WebGpuExecutionProvider]');
        expect(placed).toHaveLength(1);
        expect(said).not.toMatch(/Memcpy(To|From)Host/);
        counts.push(`${part} ${placed[0]![2]}`);
      }
      table.push(`  ${name.padEnd(44)} ${counts.join(', ')}`);
    });
  });

  describe('a graph with a node that the provider leaves to the CPU is refused', () => {
    /** y = Relu(op(x)). */
    function graphWith(op: string): Graph {
      const graph = new GraphBuilder(`with ${op}`);
      const x = graph.input('x', [2, 3]);
      graph.op('Relu', [graph.op(op, [x])], {}, 'y');
      graph.output('y', [2, 3]);
      return graph.build();
    }

    function transposeOfBool(): Graph {
      const graph = new GraphBuilder('with a Transpose of bool');
      const x = graph.input('x', [2, 3]);
      const positive = graph.op('Greater', [x, graph.scalar(0)]);
      graph.op('Cast', [graph.op('Transpose', [positive])], { to: 1 }, 'y');
      graph.output('y', [3, 2]);
      return graph.build();
    }

    it('but not the same graph without it', async () => {
      expect(await saidOf(encoded(graphWith('Abs')))).toContain(
        'All nodes placed on [WebGpuExecutionProvider]',
      );
    });

    it.each([graphWith('Sign'), transposeOfBool()])('$name', async (graph) => {
      const operators = [...new Set(graph.nodes.map(({ op }) => op))].sort().join(', ');
      await expect(createSession(encoded(graph), place)).rejects.toMatchObject({
        code: 'model-invalid',
        message: expect.stringMatching(
          new RegExp(`^graph ${graph.name} cannot run on WebGPU: .*: ${operators}\\. .* backend 'wasm'$`),
        ),
      });
    });
  });
});
