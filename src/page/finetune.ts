/** Fine-tuning, as everybody sets it up: what makes a head for an encoder of a file is loaded when it is asked for. */
import type { LoadedCheckpoint } from '../checkpoint/run-directory.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides } from '../settings/settings.ts';
import type { FinetuneStart } from '../train/finetune.ts';

/**
 * How a run is set up that fine-tunes the encoder of a checkpoint: preset `supervised` with the checkpoint's network and
 * image size, and SimCLR's settings for it (arXiv:2002.05709, appendix B.5): learning rate 0.05·batch/256, no weight decay,
 * crop and flip alone, 30 epochs, here on the cosine schedule.
 * @param overrides of these
 * @param data from `factsOf`: the head has an output a class
 * @throws MocoError config-mismatch where they want another network, usage naming the first setting that cannot be
 */
export async function finetuneFrom(
  checkpoint: LoadedCheckpoint,
  overrides: ConfigOverrides = {},
  data: DataFacts = {},
): Promise<FinetuneStart> {
  return (await import('../train/finetune.ts')).finetuneFrom(checkpoint, overrides, data);
}
