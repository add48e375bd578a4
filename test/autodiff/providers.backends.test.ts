/** The table of src/autodiff/providers.ts, held to what onnxruntime-web does with one node of every operator. */
import { describe, expect, it } from 'vitest';
import { auditModel } from '../../src/autodiff/audit.ts';
import { lowerGraph } from '../../src/autodiff/lower.ts';
import { judge } from '../../src/autodiff/providers.ts';
import { contextOf } from '../../src/golden/context.ts';
import { inferShapes, OPERATORS_WITH_SHAPES } from '../../src/onnx/shapes.ts';
import { inferTypes } from '../../src/onnx/types.ts';
import { TEST_BACKEND } from '../backend.ts';
import { onEveryBackend } from '../kernels/backends.ts';
import { type Outcome, observe } from './observe.ts';
import { SAMPLES, type Sample } from './provider-samples.ts';

/**
 * WGSL promises no more than 2⁻¹¹ absolute for sin and cos, and only within ±π; sums here have at most 200 terms, whose
 * rounding is below 200·2⁻²⁴ of their size. Wrong values are off by as much as the values themselves.
 */
const TOLERANCE = 1e-3;

type Ran = Extract<Outcome, { kind: 'ran' }>;

/** Off by more than the tolerance anywhere, or of another shape. Infinities must be the same, and NaN is always wrong. */
function differs(actual: Ran, expected: Ran): boolean {
  return [...expected.outputs].some(([name, { shape, data }]) => {
    const own = actual.outputs.get(name);
    if (String(own?.shape) !== String(shape)) return true;
    return data.some((x, i) => {
      const y = own!.data[i]!;
      return x !== y && !(Math.abs(x - y) <= TOLERANCE * (1 + Math.abs(x)));
    });
  });
}

/** What wasm gives, which other tests compare with float64. */
const onWasm = (sample: Sample) => observe(sample, { provider: 'wasm' });

/** The node as its rule writes it, of other operators in many cases: what wasm itself is compared with. */
const loweredOnWasm = (sample: Sample) => onWasm({ ...sample, graph: lowerGraph(sample.graph, 'wasm') });

/** The shapes that a graph declares for its outputs. */
function isShaped({ graph }: Sample, outcome: Ran): boolean {
  return graph.outputs.every(({ name, shape }) => String(outcome.outputs.get(name)?.shape) === String(shape));
}

it('has a sample of every operator that has a shape', () => {
  const sampled = new Set(SAMPLES.map(({ op }) => op));
  expect([...OPERATORS_WITH_SHAPES].filter((op) => !sampled.has(op))).toEqual([]);
});

onEveryBackend(({ kernels }) => {
  const { place } = contextOf(kernels, TEST_BACKEND);
  const { provider } = place;

  describe('onnxruntime-web does what the table says', () => {
    it.each(SAMPLES)('$what', async (sample) => {
      const [shapes, types] = [inferShapes(sample.graph), inferTypes(sample.graph)];
      const facts = {
        node: sample.graph.nodes[0]!,
        shape: (name: string) => shapes.get(name)!,
        type: (name: string) => types.get(name)!,
      };
      const { verdict, reason } = judge(facts, provider);
      const outcome = await observe(sample, place);
      const seen = outcome.kind === 'ran' ? await verdictOf(sample, outcome) : outcome.kind;
      expect(seen, outcome.kind === 'ran' ? reason : outcome.message).toBe(verdict);
    });

    async function verdictOf(sample: Sample, outcome: Ran): Promise<'runs' | 'wrong'> {
      if (!isShaped(sample, outcome)) return 'wrong';
      const expected = await (provider === 'wasm' ? loweredOnWasm(sample) : onWasm(sample));
      return expected.kind === 'ran' && differs(outcome, expected) ? 'wrong' : 'runs';
    }
  });

  describe('what the audit calls rewritten runs, with the values of the node', () => {
    const rewritten = SAMPLES.filter(({ graph }) => {
      const [found] = auditModel(graph, provider).nodes;
      return found !== undefined && found.rewrite !== null;
    });

    if (provider === 'native') {
      it('has nothing to write otherwise', () => expect(rewritten).toEqual([]));
    }
    it.each(rewritten)('$what', async (sample) => {
      const actual = await observe({ ...sample, graph: lowerGraph(sample.graph, provider) }, place);
      const expected = await loweredOnWasm(sample);
      if (actual.kind !== 'ran' || expected.kind !== 'ran') {
        throw new Error(JSON.stringify([actual, expected]));
      }
      expect(differs(actual, expected)).toBe(false);
    });
  });
});
