/** What a measurement was made on, for reports that are handed on. */
import { describeEnvironment, describeVersions, type Environment } from './environment.ts';
import { type AdapterReport, describeGpu } from './gpu-report.ts';
import { findNative } from './native.ts';

export interface MachineReport extends Environment {
  /** ISO 8601, UTC. */
  readonly date: string;
  /** Of moco-web, the runtime, onnxruntime-web, and onnxruntime-node where it is installed. */
  readonly versions: Readonly<Record<string, string>>;
  /** With its driver's words and its limits; null where there is none. */
  readonly gpu: AdapterReport | null;
  /** Why there is none. */
  readonly gpuMissing: string | null;
}

/** Never throws: what is missing is told. */
export async function describeMachine(now: () => Date = () => new Date()): Promise<MachineReport> {
  const date = now().toISOString();
  const [environment, gpu, native] = await Promise.all([describeEnvironment(), describeGpu(), findNative()]);
  const versions = await describeVersions(native.version === null ? undefined : 'native');
  return { ...environment, date, versions, gpu: gpu.adapter, gpuMissing: gpu.missing?.what ?? null };
}

/** As lines of a Markdown list. */
export function machineInMarkdown(machine: MachineReport): string[] {
  const { date, versions, runtime, runtimeVersion, platform, cores, memory, gpu, gpuMissing } = machine;
  const names = [gpu?.vendor, gpu?.architecture, gpu?.device, gpu?.description].filter((name) => name);
  const limits = Object.entries(gpu?.limits ?? {}).map(([name, value]) => `${name} ${value}`);
  return [
    `- date: ${date}`,
    `- versions: ${Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', ')}`,
    `- system: ${runtime} ${runtimeVersion}, ${platform}, ${cores} cores${memory === null ? '' : `, ${(memory / 2 ** 30).toFixed(1)} GiB`}`,
    gpu
      ? `- GPU: ${gpu.name}${gpu.software ? ' (software)' : ''} (${names.join(', ')})`
      : `- GPU: none (${gpuMissing})`,
    ...(gpu ? [`- limits: ${limits.join(', ')}`, `- features: ${gpu.features.join(', ')}`] : []),
  ];
}
