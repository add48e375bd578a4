/** `doctor --model`: whether `pretrain` would take a model, and what providers would do with it, before any session is made. */
import { auditModel } from '../autodiff/audit.ts';
import { PROVIDERS, type Provider } from '../autodiff/lowering.ts';
import { MocoError } from '../errors.ts';
import { unreadNodes } from '../onnx/import/unread.ts';
import type { ModelLimits } from '../onnx/limits.ts';
import { decodeModel } from '../onnx/model.ts';
import type { BackendRequest } from '../runtime/backend.ts';
import { DEFAULT_PRESET } from '../settings/table.ts';
import { type ConfigOptions, overridesOf } from './config-options.ts';
import { auditLines, type ModelAudit } from './doctor-model-words.ts';
import { type ModelFile, readModelFile } from './model-file.ts';
import { networkIn } from './network-file.ts';
import type { Terminal } from './terminal.ts';

export interface ModelChecks extends ConfigOptions, ModelLimits {
  readonly backend: BackendRequest;
  readonly json?: boolean;
}

/**
 * Exit code 1 where a node would not run, or a gradient not get through.
 * @throws MocoError data-missing, and what `pretrain` refuses a model with
 */
export async function checkModel(file: string, options: ModelChecks, terminal: Terminal): Promise<void> {
  const providers: readonly Provider[] = options.backend === 'auto' ? PROVIDERS : [options.backend];
  const audit = auditFile(file, await readModelFile(file), options, providers);
  if (options.json) terminal.out(JSON.stringify(audit));
  else for (const line of auditLines(audit)) terminal.out(line);
  terminal.exitCode = audit.ok ? 0 : 1;
}

/** Any name: what a file is called does not matter here. */
const ARCH = 'model.onnx';

function auditFile(
  file: string,
  model: ModelFile,
  { seconds, bytes, ...options }: ModelChecks,
  providers: readonly Provider[],
): ModelAudit {
  try {
    const overrides = { ...overridesOf(options), arch: ARCH };
    const { config, encoder } = networkIn(model, DEFAULT_PRESET, overrides, {}, { seconds, bytes });
    const { graph, parameters } = encoder.network;
    const weights = parameters.map(({ name }) => name);
    const audits = providers.map((provider) => auditModel(graph, provider, weights));
    const { imageSize, normalize, mean, std } = config;
    const images = {
      size: imageSize,
      normalize: normalize ?? (mean && std ? `mean ${mean}, std ${std}` : null),
    };
    const { notes, roles = [], features = '' } = encoder;
    const ok = audits.every((audit) => audit.ok);
    return { file, obstacle: null, unread: [], notes, images, features, roles, audits, ok };
  } catch (error) {
    if (!(error instanceof MocoError)) throw error;
    const unread = error.code === 'operator-unsupported' ? unreadNodes(decoded(model)) : [];
    if (error.code !== 'operator-unsupported') {
      throw new MocoError(error.code, `${file}: ${error.message}`, { cause: error });
    }
    const nothing = { notes: [], images: null, features: '', roles: [], audits: [] };
    return { file, obstacle: error.message, unread, ...nothing, ok: false };
  }
}

/** A model that is refused for its operators alone, or with no nodes where even its values are of types we do not know. */
function decoded({ bytes, externalData }: ModelFile): {
  readonly nodes: ReturnType<typeof decodeModel>['nodes'];
} {
  try {
    return decodeModel(bytes, externalData);
  } catch (error) {
    if (error instanceof MocoError) return { nodes: [] };
    throw error;
  }
}
