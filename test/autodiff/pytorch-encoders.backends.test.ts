/** Narrow torchvision networks, exported as they are: gradients of every parameter by PyTorch's own numbers. */
import { it } from 'vitest';
import { recorded, replay } from './pytorch.ts';
import { inEveryPlace } from './run.ts';

/** What the encoder table of docs/encoders.md asks for. */
const LEAST = 1e-4;

const cases = await recorded('encoders');

inEveryPlace((place) => {
  const onGpu = place.session.provider === 'webgpu';
  const chosen = cases.filter(({ name }) => !onGpu || /^(resnet|mobilenet).*-training/.test(name));
  it.each(chosen)('$name', (entry) => replay('encoders', entry, place, LEAST), 120_000);
});
