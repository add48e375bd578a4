/** What a new run begins with: `--init FILE`, `--arch FILE.onnx`, or weights from the seed. */
import type { GivenValues } from '../models/initial-values.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides } from '../settings/settings.ts';
import { initialWeights } from '../train/init-weights.ts';
import { type ResolvedNetwork, resolveNetwork } from './network-file.ts';
import { withWeights } from './weights-file.ts';

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
): Promise<Start> {
  if (file === undefined)
    return { ...(await resolveNetwork(preset, overrides, facts)), init: null, notes: [] };
  return withWeights(file, (weights) => initialWeights(weights, preset, overrides, facts));
}
