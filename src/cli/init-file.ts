/** What a new run begins with: `--init FILE`, `--arch FILE.onnx`, or weights from the seed. */
import type { GivenValues } from '../models/initial-values.ts';
import type { ModelLimits } from '../onnx/limits.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides } from '../settings/settings.ts';
import { beginFromWeights } from '../train/weights-files.ts';
import { type ResolvedNetwork, resolveNetwork } from './network-file.ts';

export interface Start extends ResolvedNetwork {
  readonly init: GivenValues | null;
  readonly notes: readonly string[];
}

/** @throws MocoError of any input code */
export async function resolveStart(
  file: string | undefined,
  preset: string,
  overrides: ConfigOverrides,
  facts: DataFacts,
  limits: ModelLimits,
): Promise<Start> {
  if (file === undefined)
    return { ...(await resolveNetwork(preset, overrides, facts, limits)), init: null, notes: [] };
  return beginFromWeights(file, preset, overrides, facts);
}
