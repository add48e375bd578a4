/** How many channels of a pixel onnxruntime's native code takes at a time on this processor (see autodiff/blocked.ts). */
import { BLOCKED_DOMAIN } from '../autodiff/blocked.ts';
import { MocoError } from '../errors.ts';
import { GraphBuilder } from '../onnx/graph.ts';
import { runOnce } from './run-gradient.ts';

/** A multiple of all blocks that there are. */
const CHANNELS = 64;

/** 1 where it has no such code. @throws MocoError backend-unavailable */
export async function channelBlock(): Promise<number> {
  const g = new GraphBuilder('channel-block');
  g.input('x', [1, CHANNELS, 1, 2]);
  g.node({
    ...{ name: 'reorder', op: 'ReorderInput', domain: BLOCKED_DOMAIN },
    ...{ inputs: ['x'], outputs: ['y'], attributes: {} },
  });
  g.output('y', [1, CHANNELS, 1, 2]);
  // The second pixel of the first channel comes after a block of channels of the first pixel.
  const data = Float32Array.from({ length: 2 * CHANNELS }, (_, i) => i);
  try {
    const outputs = await runOnce(
      g.build(),
      { provider: 'native' },
      new Map([['x', { shape: [1, CHANNELS, 1, 2], data }]]),
    );
    return outputs.get('y')!.data.indexOf(1);
  } catch (error) {
    if (error instanceof MocoError && error.code === 'model-invalid') return 1;
    throw error;
  }
}
