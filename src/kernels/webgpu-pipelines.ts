import { MocoError } from '../errors.ts';
import { filesOf, joinTexts, SHADERS, type ShaderName, type ShaderTexts } from './webgpu-shaders.ts';
import type { Variant } from './webgpu-variants.ts';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export type Pipelines = Readonly<Record<ShaderName, Pipeline>>;

/** Bytes of a block of parameters: one slot of the uniform buffer, at WebGPU's default offset alignment. */
export const PARAMETER_SLOT = 256;

/**
 * Compiles every shader once.
 * @throws MocoError gpu-failed with the compiler's own words where one is refused
 */
export async function createPipelines(
  device: GPUDevice,
  texts: ShaderTexts,
  variant: Variant,
): Promise<Pipelines> {
  const names = Object.keys(SHADERS) as ShaderName[];
  const made = await Promise.all(names.map((name) => createPipeline(device, name, texts, variant)));
  return Object.fromEntries(names.map((name, i) => [name, made[i]])) as Record<ShaderName, Pipeline>;
}

async function createPipeline(
  device: GPUDevice,
  name: ShaderName,
  texts: ShaderTexts,
  variant: Variant,
): Promise<Pipeline> {
  const { entryPoint, bindings, workgroupSize } = SHADERS[name];
  const files = filesOf(name, variant.subgroups);
  // WGSL refuses constants that a shader does not declare.
  const constants: Record<string, number> =
    workgroupSize === null ? {} : { WIDTH: variant.workgroupSize(workgroupSize) };
  device.pushErrorScope('validation');
  const shader = device.createShaderModule({ label: name, code: joinTexts(files, texts) });
  const layout = device.createBindGroupLayout({
    label: name,
    entries: [
      {
        binding: 0,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: 'uniform', hasDynamicOffset: true },
      },
      ...bindings.map(
        (access, i): GPUBindGroupLayoutEntry => ({
          binding: i + 1,
          visibility: GPUShaderStage.COMPUTE,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        }),
      ),
    ],
  });
  const making = device.createComputePipelineAsync({
    label: name,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module: shader, entryPoint, constants },
  });
  const [scope, pipeline] = await Promise.allSettled([device.popErrorScope(), making]);
  const refused = scope.status === 'fulfilled' ? scope.value : null;
  if (pipeline.status === 'fulfilled' && !refused) return { pipeline: pipeline.value, layout };
  const { messages } = await shader.getCompilationInfo();
  const lines = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.type}: ${m.message}`);
  const reason = pipeline.status === 'rejected' ? String(pipeline.reason) : '';
  const details = [refused?.message ?? '', reason, ...lines].filter((line) => line).join('\n');
  throw new MocoError(
    'gpu-failed',
    `the shader of ${name} (${files.join(' + ')}) does not compile here:\n${details}`,
  );
}
