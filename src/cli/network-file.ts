/** `--arch FILE.onnx`: the encoder of a run from a file; `doctor` reads it in the same way. */
import { MocoError } from '../errors.ts';
import { describeEncoder, type ImportedEncoder, importEncoder } from '../models/imported-encoder.ts';
import type { ModelLimits } from '../onnx/limits.ts';
import { isImported } from '../settings/owners.ts';
import type { DataFacts } from '../settings/resolve.ts';
import type { ConfigOverrides } from '../settings/settings.ts';
import { type PretrainConfig, resolveConfig } from '../train/configure.ts';
import { type ModelFile, readModelFile } from './model-file.ts';

export interface ResolvedNetwork {
  readonly config: PretrainConfig;
  /** null for a built-in network. */
  readonly encoder: ImportedEncoder | null;
}

/** The configuration, and the encoder where it names a file. @throws MocoError of any input code */
export async function resolveNetwork(
  preset: string,
  overrides: ConfigOverrides,
  facts: DataFacts = {},
  limits?: ModelLimits,
): Promise<ResolvedNetwork> {
  const { arch } = overrides;
  if (arch === undefined || !isImported(arch))
    return { config: resolveConfig(preset, overrides, facts), encoder: null };
  const file = await readModelFile(arch);
  return named(arch, () => networkIn(file, preset, overrides, facts, limits));
}

/** Of a file that has been read, whatever its name. @throws MocoError of any input code */
export function networkIn(
  { bytes, externalData }: ModelFile,
  preset: string,
  overrides: ConfigOverrides,
  facts: DataFacts = {},
  limits?: ModelLimits,
): { readonly config: PretrainConfig; readonly encoder: ImportedEncoder } {
  const { imageSize } = describeEncoder(bytes);
  const known = { ...facts, ...(imageSize === null ? {} : { imageSizeOfModel: imageSize }) };
  const config = resolveConfig(preset, overrides, known);
  const encoder = importEncoder(bytes, config, { externalData, limits });
  const { normalize } = encoder;
  const isChosen = [overrides.normalize, overrides.mean, overrides.std].some((value) => value !== undefined);
  if (!normalize || isChosen) return { config, encoder };
  // The model prepares its images itself: the configuration says what it gets, and the notes why.
  return { config: resolveConfig(preset, { ...overrides, normalize }, known), encoder };
}

/** Puts the file's name before what is wrong with it. */
export function named<T>(file: string, task: () => T): T {
  try {
    return task();
  } catch (error) {
    if (!(error instanceof MocoError)) throw error;
    throw new MocoError(error.code, `${file}: ${error.message}`, { cause: error });
  }
}
