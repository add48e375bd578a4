/** What a caller of the library may have got wrong that no type keeps from JavaScript. */
import { MAX_TENSOR_BYTES } from '../checkpoint/run-directory.ts';
import { MocoError } from '../errors.ts';
import { methodNamed } from '../methods/registry.ts';
import { networkOf } from '../models/choose-network.ts';
import { encoderLayout } from '../models/layout.ts';
import { count } from '../onnx/dims.ts';
import type { ImportedNetwork } from '../onnx/network.ts';
import { optimizerNamed } from '../optimizers/registry.ts';
import type { Settings } from '../settings/settings.ts';
import { stateOf } from './state-of.ts';

/** Better now than after the first epoch. @throws MocoError usage where a checkpoint would be larger than one may be */
export function requireSavable(config: Settings, network: ImportedNetwork | null): void {
  const layout = encoderLayout(networkOf(config, network), config.imageSize);
  const { tensors } = stateOf(methodNamed(config.method), optimizerNamed(config.optimizer), layout, config);
  const bytes = tensors.reduce((sum, { shape }) => sum + 4 * count(shape), 0);
  // Their names and shapes take less than a quarter of a kilobyte each.
  if (bytes + 256 * tensors.length <= MAX_TENSOR_BYTES) return;
  const gigabytes = (size: number) => `${(size / 1e9).toPrecision(3)} GB`;
  throw new MocoError(
    'usage',
    `a checkpoint of this run would take ${gigabytes(bytes)}, and at most ${gigabytes(MAX_TENSOR_BYTES)} can be saved: ` +
      'lower queueSize, dim or width',
  );
}
