import type { SessionPlace } from '../encoder/ort.ts';
import type { NamedTensor } from '../formats/safetensors.ts';
import type { BackendKernels } from '../kernels/open.ts';
import type { Backend } from '../runtime/backend.ts';

/** One entry of manifest.json. */
export interface GoldenCase {
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  /** Relative tolerance, for graders; 0 where it is left out. */
  readonly rtol?: number;
  /** The file's tensors of role `in`, or, for a JSON case, nothing. */
  readonly inputs: ReadonlyMap<string, NamedTensor>;
  /**
   * Names and shapes of what is to be computed (role `out`). Empty where the manifest no longer lists them: then too a
   * runner computes everything, so it must not read from here what to do.
   */
  readonly outputs: ReadonlyMap<string, { dtype: string; shape: readonly number[] }>;
  /** The bytes of another file beside the manifest, by its plain name. @throws MocoError data-missing, data-invalid */
  file(name: string): Promise<Uint8Array>;
  /** Parsed content, for cases kept in JSON. */
  readonly json?: unknown;
}

export interface GoldenContext {
  readonly backend: Backend;
  readonly kernels: BackendKernels;
  readonly place: SessionPlace;
}

/** Computes every output of a case from its inputs alone, with the product's own code. */
export type CaseRunner = (
  goldenCase: GoldenCase,
  context: GoldenContext,
) => Promise<ReadonlyMap<string, NamedTensor>>;

/** For cases kept in JSON: checks them in place; worst error as a fraction of what is tolerated (≤ 1 passes). */
export type CaseGrader = (goldenCase: GoldenCase, context: GoldenContext) => Promise<number>;

/** What a family file exports: runners by the prefix of the case names they take (longest prefix wins). */
export interface CaseFamily {
  readonly runners?: Readonly<Record<string, CaseRunner>>;
  readonly graders?: Readonly<Record<string, CaseGrader>>;
}
