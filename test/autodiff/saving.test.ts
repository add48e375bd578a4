import { describe, expect, it } from 'vitest';
import { differentiate } from '../../src/autodiff/differentiate.ts';
import { GraphBuilder } from '../../src/onnx/graph.ts';

/** Names of what is kept of a graph with the input x [2, 4] and the weight w [4, 4]. */
function kept(write: (g: GraphBuilder) => void, recompute: 'least' | 'cheap'): string[] {
  const g = new GraphBuilder('g', 'e');
  g.input('x', [2, 4]);
  g.input('w', [4, 4]);
  write(g);
  g.output('y', [2, 4]);
  const gradient = differentiate(g.build(), { wrt: ['w'], outputs: ['y'], provider: 'wasm', recompute });
  return gradient.saved.map(({ name }) => name).sort();
}

describe('what is kept', () => {
  const chain = (g: GraphBuilder) => {
    const product = g.op('Gemm', ['x', 'w'], {}, 'product');
    const sum = g.op('Add', [g.op('Sigmoid', [product], {}, 'gate'), product], {}, 'sum');
    g.op('Mul', [g.op('Tanh', [sum], {}, 'tanh'), sum], {}, 'y');
  };

  it('at least: what one pass does not make of what is kept anyway', () => {
    // tanh is one pass over sum. sum adds two activations, which is more; nobody but gate would read product.
    expect(kept(chain, 'least')).toEqual(['gate', 'sum']);
  });

  it('cheap: what comes of a matrix product, as all else follows from it', () => {
    expect(kept(chain, 'cheap')).toEqual(['product']);
  });

  it('never booleans: the comparison is made again, from a value that is kept for it', () => {
    const choice = (g: GraphBuilder) => {
      const product = g.op('Gemm', ['x', 'w'], {}, 'product');
      const above = g.op('Greater', [product, 'x'], {}, 'above');
      g.op('Where', [above, product, 'x'], {}, 'y');
    };
    expect(kept(choice, 'least')).toEqual(['product']);
    expect(kept(choice, 'cheap')).toEqual(['product']);
  });
});
