/** A shader as a value, and what it is dispatched with. */

/** A file of shaders/. */
export interface ShaderFile {
  /** e.g. `ema.wgsl` */
  readonly name: string;
  /** WGSL, or what loads it. */
  readonly text: string | (() => Promise<string>);
  /** What takes its place where there are subgroups. */
  readonly withSubgroups?: ShaderFile;
}

/** How a shader uses the buffer of a binding: `read`, or `write` (which may read too). */
export type Access = 'read' | 'write';

export interface Shader {
  readonly name: string;
  /** Joined in this order: WGSL has no include. */
  readonly files: readonly ShaderFile[];
  /** Access of bindings 1, 2, …; binding 0 is the uniform block of parameters. */
  readonly bindings: readonly Access[];
  /** Invocations of a workgroup that suit it; null where the shader itself says how many. */
  readonly workgroupSize: number | null;
  /** Other constants that it declares by `override`. */
  readonly constants?: Readonly<Record<string, number>>;
  /** Compiled when it is first dispatched: it takes long to compile, and most runs never do. */
  readonly onDemand?: boolean;
}

/** A number that goes into a uniform block as float32. */
export interface Float {
  readonly float: number;
}
export const f32 = (float: number): Float => ({ float });

export interface Dispatch {
  readonly shader: Shader;
  /** The uniform block, in the order that the shader declares; whole numbers become u32 unless marked by `f32`. */
  readonly parameters: readonly (number | Float)[];
  /** Buffers of bindings 1, 2, … */
  readonly buffers: readonly GPUBuffer[];
  readonly workgroups: readonly [x: number, y?: number, z?: number];
}

/** A shader whose last file has its name. */
export function shaderOf(
  files: readonly ShaderFile[],
  bindings: readonly Access[],
  workgroupSize: number | null = 64,
): Shader {
  return { name: files.at(-1)!.name.replace(/\.wgsl$/, ''), files, bindings, workgroupSize };
}

/** A shader that is compiled when it is first dispatched. */
export function onDemand(shader: Shader): Shader {
  return { ...shader, onDemand: true };
}

const MOST = 65_535;

/** `count` workgroups over two dimensions, as one holds no more than 65,535. Some beyond `count` may come with them. */
export function grid(count: number): [number, number] {
  const y = Math.max(1, Math.ceil(count / MOST));
  return [Math.ceil(count / y), y];
}

/** The grid of a kernel whose workgroups take 256 elements each. */
export function elements(count: number): [number, number] {
  return grid(Math.ceil(count / 256));
}
