/** `doctor --kernels`: the conformance suite on what is here. */
import {
  type ConformanceResult,
  compileFailure,
  conformanceMarkdown,
  conformanceReport,
  countResults,
  formatReport,
  runConformance,
  summarizeKernels,
} from '../conformance/index.ts';
import { MocoError, messageOf } from '../errors.ts';
import { type BackendKernels, openKernels } from '../kernels/open.ts';
import { expectShaderFiles, type ShaderTexts } from '../kernels/webgpu/pipelines.ts';
import { type BackendChoice, type BackendRequest, chooseBackend } from '../runtime/backend.ts';
import { openFolder } from '../runtime/files.ts';
import { expectReportFile, writeReportFile } from './shared-report.ts';
import type { Terminal } from './terminal.ts';

export interface KernelChecks {
  backend: BackendRequest;
  only?: string;
  shaders?: string;
  json?: boolean;
  out?: string;
}

/** Ours have at most 12 KB. */
const MOST_SHADER_BYTES = 256 * 1024;

/** Exit code 1 where any case fails. @throws MocoError usage, data-missing, data-invalid, backend-unavailable */
export async function checkKernels(options: KernelChecks, terminal: Terminal): Promise<void> {
  expectReportFile(options.out);
  const shaders = options.shaders === undefined ? {} : await readShaders(options.shaders);
  const choice = await chooseBackend(options.backend);
  if (options.shaders !== undefined && choice.backend !== 'webgpu') {
    const why = `--shaders replaces what WebGPU runs, and the backend is ${choice.backend}: ${choice.reason}`;
    throw new MocoError('usage', `${why}; add --backend webgpu`);
  }
  if (!options.json) terminal.out(`backend  ${choice.backend}: ${choice.reason}`);
  const results = await runAll(options, shaders, choice, terminal);
  if (options.json) terminal.out(asJson(choice, results));
  else for (const line of ['', ...formatReport(results).split('\n')]) terminal.out(line);
  if (options.out !== undefined) {
    const report = await conformanceReport(results);
    await writeReportFile(options.out, report, conformanceMarkdown(report));
    if (!options.json) terminal.out(`report: ${options.out}`);
  }
  terminal.exitCode = countResults(results).FAIL > 0 ? 1 : 0;
}

async function runAll(
  { only }: KernelChecks,
  shaders: ShaderTexts,
  { backend, adapter }: BackendChoice,
  terminal: Terminal,
): Promise<ConformanceResult[]> {
  let kernels: BackendKernels;
  try {
    kernels = await openKernels(backend, { shaders });
  } catch (error) {
    if (error instanceof MocoError && error.code === 'gpu-failed') return [compileFailure(error, adapter)];
    throw error;
  }
  const results: ConformanceResult[] = [];
  try {
    const given = {
      ...(only === undefined ? {} : { only }),
      ...(kernels.backend === 'webgpu' ? { device: kernels.device } : {}),
      ...(adapter === null ? {} : { adapter }),
    };
    for await (const result of runConformance(kernels, given)) {
      results.push(result);
      terminal.bar?.write(`\r\x1b[K${results.length}  ${result.case}`);
    }
  } finally {
    terminal.bar?.write('\r\x1b[K');
    kernels.dispose();
  }
  return results;
}

async function readShaders(folder: string): Promise<ShaderTexts> {
  const store = await openFolder(folder);
  const names = (await store.list('')).filter((name) => !name.startsWith('.'));
  if (names.length === 0) throw new MocoError('data-missing', `--shaders: there is no shader in ${folder}`);
  const texts: Record<string, string> = {};
  for (const name of names) texts[name] = '';
  expectShaderFiles(texts);
  for (const name of names) {
    const bytes = await store.read(name, MOST_SHADER_BYTES);
    try {
      texts[name] = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new MocoError('data-invalid', `${name} is no UTF-8 text: ${messageOf(cause)}`, { cause });
    }
  }
  return texts;
}

/** Infinity and NaN are not JSON: they become null, and the status says FAIL. */
function asJson({ backend, adapter, reason }: BackendChoice, results: readonly ConformanceResult[]): string {
  const counts = countResults(results);
  return JSON.stringify({
    backend,
    adapter,
    reason,
    counts,
    kernels: summarizeKernels(results),
    cases: results,
  });
}
