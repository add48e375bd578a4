/** What `doctor` says, in words. */
import type { BackendChoice } from '../runtime/backend.ts';
import type { Environment } from '../runtime/environment.ts';
import { type AdapterReport, type GpuReport, RESNET50_BYTES } from '../runtime/gpu-report.ts';
import type { NativeFinding } from '../runtime/native.ts';

export interface Findings {
  environment: Environment;
  versions: Record<string, string>;
  gpu: GpuReport;
  native: NativeFinding;
  choice: BackendChoice;
}

const COLUMN = 18;
/** Smaller ones are rare in practice: the paper has 32 images a GPU. */
const USUAL_GROUP = 32;

/** A line each. */
export function doctorLines({ environment, versions, gpu, native, choice }: Findings): string[] {
  const { runtime, runtimeVersion, platform, cores, memory, sharedArrayBuffer, wasmSimd } = environment;
  const { adapter } = gpu;
  const rows: [string, string][] = [
    ['moco-web', versions['moco-web'] ?? 'unknown'],
    ['runtime', `${runtime} ${runtimeVersion} (${platform})`],
    ['cores', String(cores)],
    ['memory', memory === null ? 'unknown' : formatBytes(memory)],
    ['SharedArrayBuffer', yesNo(sharedArrayBuffer)],
    ['WebAssembly SIMD', yesNo(wasmSimd)],
    ['onnxruntime-web', versions['onnxruntime-web'] ?? 'not found: run npm install'],
    ['onnxruntime-node', native.version ?? 'none'],
    ['GPU adapter', adapter ? nameOf(adapter) : 'none'],
    ...(adapter ? adapterRows(adapter) : []),
    ['backend', `${choice.backend}: ${choice.reason}`],
    ...adviceOn(environment, gpu, native).map((line): [string, string] => ['to do', line]),
  ];
  return rows.map(([what, value]) => `${what.padEnd(COLUMN)} ${value}`);
}

/** What is missing, and how to get it. */
export function adviceOn(
  environment: Environment,
  { adapter, missing, page }: GpuReport,
  native: NativeFinding,
): string[] {
  const lines: string[] = [];
  if (!environment.wasmSimd) lines.push('moco-web needs WebAssembly SIMD: use a newer runtime');
  if (missing) lines.push(`${missing.what}: ${missing.advice}`);
  if (native.missing && !page) {
    lines.push(
      `${native.missing.what} (native code, about three times as fast as wasm): ${native.missing.advice}`,
    );
  }
  if (adapter?.software) {
    lines.push(
      'a software adapter is for tests: where there is a GPU, install its driver (on Linux that of Vulkan)',
    );
  }
  if (adapter && adapter.resnet50Group < USUAL_GROUP) {
    const group =
      adapter.resnet50Group === 0
        ? 'does not fit this GPU'
        : `needs groups of ${adapter.resnet50Group} images`;
    lines.push(
      `ResNet-50 at 224 px ${group}${adapter.resnet50Group === 0 ? '' : ' or less: raise --groups'}`,
    );
  }
  if (page && !environment.sharedArrayBuffer) {
    lines.push(
      'workers copy weights instead of sharing them: to share, serve the page with the headers ' +
        'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp',
    );
  }
  return lines;
}

function nameOf(adapter: AdapterReport): string {
  const { name, software, vendor, architecture, device } = adapter;
  const more = [vendor, architecture, device].filter((part) => part && !name.includes(part)).join(' ');
  return `${name} (${software ? 'software' : 'hardware'}${more ? `; ${more}` : ''})`;
}

function adapterRows(adapter: AdapterReport): [string, string][] {
  const wanted = Object.entries(adapter.wanted).map(([feature, there]) => `${feature} ${yesNo(there)}`);
  const fits = `groups of up to ${adapter.resnet50Group} images (${formatBytes(RESNET50_BYTES)} an image)`;
  return [
    ...Object.entries(adapter.limits).map(([name, value]): [string, string] => {
      const isBytes = name.endsWith('Size') && !name.startsWith('maxComputeWorkgroupSize');
      return [`  ${name}`.padEnd(36), isBytes ? formatBytes(value) : String(value)];
    }),
    ['  features', wanted.join(', ')],
    ['  ResNet-50 224 px', fits],
  ];
}

/** 1073741824 → '1 GiB'; at most one digit after the point. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Math.round(value * 10) / 10} ${units[unit]}`;
}

function yesNo(value: boolean): string {
  return value ? 'yes' : 'no';
}
