/** When the values of a backward pass are released: after their last reader, and all of them. */
import { describe, expect, it } from 'vitest';
import { makePlan, ON_WASM } from '../../src/encoder/make-plan.ts';
import { type PartValues, releasesOf } from '../../src/encoder/releases.ts';
import type { GraphPart } from '../../src/encoder/training-plan.ts';
import { decodeModel } from '../../src/onnx/model.ts';
import type { ResNetSpec } from '../../src/onnx/resnet.ts';

const part = (
  reads: string[],
  gives: string[],
  outputGradient: string | null = null,
  passedOn: string | null = null,
): PartValues => ({ reads, gives, outputGradient, passedOn });

describe('releasesOf', () => {
  it('a value goes after its last reader, or at once where it has none', () => {
    const parts = [
      part(['d.y', 'saved'], ['a', 'b', 'unread'], 'd.y'),
      part(['a'], []),
      part(['a', 'b'], ['c']),
      part(['c', 'saved'], []),
    ];
    expect(releasesOf(parts)).toEqual([['unread'], [], ['a', 'b'], ['c']]);
  });

  it('what is passed on lives under its other name, and names are used again by the next segment', () => {
    const parts = [
      part(['d.y'], ['a', 'p'], 'd.y', 'p'),
      part(['a'], []),
      part(['d.x'], ['p', 'a'], 'd.x'),
      part(['a', 'd.x', 'p'], []),
    ];
    expect(releasesOf(parts)).toEqual([[], ['a'], [], ['a', 'd.x', 'p']]);
  });

  it.each(['least', 'segments'] as const)(
    'in a plan at level %s, what is read is there, and nothing is left',
    (recompute) => {
      const layers = { block: 'bottleneck', layers: [2, 2], planes: [4, 8] } as const;
      const spec: ResNetSpec = { ...layers, stem: 'cifar', dim: 4, mlp: true };
      // Gradients of activations larger than what is given to kernels at a time.
      const plan = makePlan({ spec, groupSize: 512, imageSize: 32, recompute }, ON_WASM);
      const outputs = ({ model }: GraphPart) => decodeModel(model.bytes).outputs.map(({ name }) => name);
      const outside = new Set(['image', ...plan.parameters.map(({ name }) => name)]);
      for (const name of outputs(plan.trainingForward)) outside.add(name);
      const own = new Set<string>();
      let [passedOn, kernels, runs]: [string | null, number, number] = [null, 0, 0];
      const expectThere = (names: readonly string[]) =>
        expect(names.filter((name) => !own.has(name) && !outside.has(name))).toEqual([]);
      for (const part of plan.backward) {
        if (part.kind === 'kernel') {
          kernels++;
          expectThere([part.x, part.dy]);
        } else {
          runs++;
          if (part.outputGradient !== null) {
            if (passedOn === null) outside.add(part.outputGradient);
            else own.add(own.delete(passedOn) ? part.outputGradient : '');
          }
          expectThere(part.inputs);
          for (const name of outputs(part)) {
            expect(own, 'a value of that name').not.toContain(name);
            own.add(name);
          }
          passedOn = part.passedOn ?? passedOn;
        }
        for (const name of part.releases) expect(own.delete(name), name).toBe(true);
      }
      expect([...own]).toEqual([]);
      expect(kernels).toBeGreaterThan(12);
      expect(runs).toBeGreaterThan(2);
    },
  );
});
