/** `doctor --model`: what the providers of onnxruntime-web would do with a model, before any session is made. */
import { auditModel } from '../autodiff/audit.ts';
import { PROVIDERS, type Provider } from '../autodiff/lowering.ts';
import { MocoError } from '../errors.ts';
import { importModel } from '../onnx/import/import-model.ts';
import { unreadNodes } from '../onnx/import/unread.ts';
import { decodeModel } from '../onnx/model.ts';
import type { BackendRequest } from '../runtime/backend.ts';
import { auditLines, type ModelAudit } from './doctor-model-words.ts';
import { readModelFile } from './model-file.ts';
import type { Terminal } from './terminal.ts';

/**
 * Exit code 1 where a node would not run, or a gradient not get through.
 * @throws MocoError data-missing, model-invalid
 */
export async function checkModel(
  file: string,
  options: { readonly backend: BackendRequest; readonly json?: boolean },
  terminal: Terminal,
): Promise<void> {
  const providers: readonly Provider[] = options.backend === 'auto' ? PROVIDERS : [options.backend];
  const audit = await auditFile(file, providers);
  if (options.json) terminal.out(JSON.stringify(audit));
  else for (const line of auditLines(audit)) terminal.out(line);
  terminal.exitCode = audit.ok ? 0 : 1;
}

async function auditFile(file: string, providers: readonly Provider[]): Promise<ModelAudit> {
  const { bytes, externalData } = await readModelFile(file);
  try {
    const { graph, weights, notes } = importModel(bytes, { externalData });
    const audits = providers.map((provider) => auditModel(graph, provider, [...weights.keys()]));
    return { file, obstacle: null, unread: [], notes, audits, ok: audits.every(({ ok }) => ok) };
  } catch (error) {
    if (!(error instanceof MocoError)) throw error;
    if (error.code !== 'operator-unsupported') {
      throw new MocoError(error.code, `${file}: ${error.message}`, { cause: error });
    }
    const unread = unreadNodes(decodeModel(bytes, externalData));
    return { file, obstacle: error.message, unread, notes: [], audits: [], ok: false };
  }
}
