import { MocoError } from '../../errors.ts';
import { SHADER_FILES, SHADERS } from '../registry.ts';
import type { Shader } from '../shader.ts';
import type { Variant } from './variants.ts';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export type Pipelines = ReadonlyMap<Shader, Pipeline>;

/** Other texts for some of the files of shaders/, to see what a changed shader does. */
export type ShaderTexts = Readonly<Record<string, string>>;

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
  const made = SHADERS.map(async (shader): Promise<[Shader, Pipeline]> => {
    return [shader, await createPipeline(device, shader, texts, variant)];
  });
  return new Map(await Promise.all(made));
}

/** @throws MocoError usage — a text is given for a file that there is not */
export function expectShaderFiles(texts: ShaderTexts): void {
  const unknown = Object.keys(texts).find((file) => !SHADER_FILES.includes(file));
  if (unknown !== undefined) {
    throw new MocoError('usage', `${unknown} is no shader of moco-web: there are ${SHADER_FILES.join(', ')}`);
  }
}

async function createPipeline(
  device: GPUDevice,
  { name, files: choices, bindings, workgroupSize, constants: own = {} }: Shader,
  texts: ShaderTexts,
  variant: Variant,
): Promise<Pipeline> {
  const files = choices.map((file) => (variant.subgroups && file.withSubgroups) || file);
  const codes = files.map(({ name, text }) => texts[name] ?? (typeof text === 'string' ? text : text()));
  const code = (await Promise.all(codes)).join('');
  // WGSL refuses constants that a shader does not declare.
  const constants: Record<string, number> =
    workgroupSize === null ? own : { ...own, WIDTH: variant.workgroupSize(workgroupSize) };
  device.pushErrorScope('validation');
  const shader = device.createShaderModule({ label: name, code });
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
    compute: { module: shader, entryPoint: 'main', constants },
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
    `the shader of ${name} (${files.map((file) => file.name).join(' + ')}) does not compile here:\n${details}`,
  );
}
