/** Every operator of torch.onnx exports, by PyTorch's own numbers. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/autodiff/differentiate.ts';
import { importModel } from '../../src/onnx/import/import-model.ts';
import { REFERENCES, type Recorded, recorded, replay } from './pytorch.ts';
import { onWasm } from './run.ts';

/** Operators that are not differentiated (yet): no encoder of docs/encoders.md has them. */
const UNSUPPORTED = new Set(['Sin', 'Cos']);
const isUnsupported = ({ name, operators }: Recorded) =>
  name.startsWith('conv-3d') || operators.some((op) => UNSUPPORTED.has(op));

/**
 * A relative norm of 1e-5: networks of a few operators on a few hundred values at most, each of which rounds by 6e-8, and
 * whose functions are within 2e-6 on a GPU.
 */
const LEAST = 1e-5;

const cases = await recorded('operators');

await onWasm((place) => {
  const supported = cases.filter((entry) => !isUnsupported(entry));
  it.each(supported)('$name', (entry) => replay('operators', entry, place, LEAST));
});

describe('what is not supported is refused in words', () => {
  it.each(cases.filter(isUnsupported))('$name', async ({ name }) => {
    const bytes = await readFile(join(REFERENCES, 'operators', `${name}.onnx`));
    const attempt = () => {
      const { graph, weights } = importModel(bytes);
      differentiate(graph, { wrt: ['x', ...weights.keys()], outputs: ['y'], provider: 'wasm' });
    };
    expect(attempt).toThrow(expect.objectContaining({ code: 'operator-unsupported' }));
  });
});
