import { MocoError } from '../../errors.ts';
import { SHADER_FILES, SHADERS } from '../registry.ts';
import type { Shader, ShaderFile } from '../shader.ts';
import type { Variant } from './variants.ts';

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

/** Other texts for some of the files of shaders/, to see what a changed shader does. */
export type ShaderTexts = Readonly<Record<string, string>>;

/** Bytes of a block of parameters: one slot of the uniform buffer, at WebGPU's default offset alignment. */
export const PARAMETER_SLOT = 256;

/** Those of all shaders. */
export interface Pipelines {
  get(shader: Shader): Pipeline;
}

/**
 * Compiles every shader once: now, or when it is first asked for.
 * @throws MocoError gpu-failed with the compiler's own words where one is refused
 */
export async function createPipelines(
  device: GPUDevice,
  texts: ShaderTexts,
  variant: Variant,
): Promise<Pipelines> {
  // Whoever gives a text wants to hear of it now.
  const waits = ({ onDemand = false, files }: Shader) =>
    onDemand && !filesOf(files, variant).some(({ name }) => name in texts);
  const [now, later] = [false, true].map((is) => SHADERS.filter((shader) => waits(shader) === is));
  const made = now!.map(
    async (shader) => [shader, await createPipeline(device, shader, texts, variant)] as const,
  );
  const waiting = later!.map(async (shader) => [shader, await codeOf(shader, texts, variant)] as const);
  const pipelines = new Map(await Promise.all(made));
  const codes = new Map(await Promise.all(waiting));
  return {
    get(shader) {
      let pipeline = pipelines.get(shader);
      if (!pipeline) {
        const { layout, pipeline: described } = describe(device, shader, codes.get(shader)!, variant);
        pipeline = { pipeline: device.createComputePipeline(described), layout };
        pipelines.set(shader, pipeline);
      }
      return pipeline;
    },
  };
}

/** @throws MocoError usage — a text is given for a file that there is not */
export function expectShaderFiles(texts: ShaderTexts): void {
  const unknown = Object.keys(texts).find((file) => !SHADER_FILES.includes(file));
  if (unknown !== undefined) {
    throw new MocoError('usage', `${unknown} is no shader of moco-web: there are ${SHADER_FILES.join(', ')}`);
  }
}

async function codeOf({ files }: Shader, texts: ShaderTexts, variant: Variant): Promise<string> {
  const codes = filesOf(files, variant).map(
    ({ name, text }) => texts[name] ?? (typeof text === 'string' ? text : text()),
  );
  return (await Promise.all(codes)).join('');
}

function filesOf(files: readonly ShaderFile[], { subgroups }: Variant): readonly ShaderFile[] {
  return files.map((file) => (subgroups && file.withSubgroups) || file);
}

function describe(
  device: GPUDevice,
  { name, bindings, workgroupSize, constants: own = {} }: Shader,
  code: string,
  variant: Variant,
) {
  // WGSL refuses constants that a shader does not declare.
  const constants: Record<string, number> =
    workgroupSize === null ? own : { ...own, WIDTH: variant.workgroupSize(workgroupSize) };
  const module = device.createShaderModule({ label: name, code });
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
  const pipeline: GPUComputePipelineDescriptor = {
    label: name,
    layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
    compute: { module, entryPoint: 'main', constants },
  };
  return { module, layout, pipeline };
}

async function createPipeline(
  device: GPUDevice,
  shader: Shader,
  texts: ShaderTexts,
  variant: Variant,
): Promise<Pipeline> {
  const { name, files } = shader;
  const code = await codeOf(shader, texts, variant);
  device.pushErrorScope('validation');
  const { module, layout, pipeline: described } = describe(device, shader, code, variant);
  const making = device.createComputePipelineAsync(described);
  const [scope, pipeline] = await Promise.allSettled([device.popErrorScope(), making]);
  const refused = scope.status === 'fulfilled' ? scope.value : null;
  if (pipeline.status === 'fulfilled' && !refused) return { pipeline: pipeline.value, layout };
  const { messages } = await module.getCompilationInfo();
  const lines = messages.map((m) => `${m.lineNum}:${m.linePos} ${m.type}: ${m.message}`);
  const reason = pipeline.status === 'rejected' ? String(pipeline.reason) : '';
  const details = [refused?.message ?? '', reason, ...lines].filter((line) => line).join('\n');
  throw new MocoError(
    'gpu-failed',
    `the shader of ${name} (${filesOf(files, variant)
      .map((file) => file.name)
      .join(' + ')}) does not compile here:\n${details}`,
  );
}
