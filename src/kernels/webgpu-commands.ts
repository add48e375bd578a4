import { MocoError } from '../errors.ts';
import type { DeviceWatch } from './webgpu-device.ts';
import { PARAMETER_SLOT, type Pipelines } from './webgpu-pipelines.ts';
import { SHADERS, type ShaderName } from './webgpu-shaders.ts';

export interface Dispatch {
  readonly shader: ShaderName;
  /** The uniform block, in the order that the shader declares; whole numbers become u32 unless marked by `f32`. */
  readonly parameters: readonly (number | Float)[];
  /** Buffers of bindings 1, 2, … */
  readonly buffers: readonly GPUBuffer[];
  readonly workgroups: readonly [x: number, y?: number, z?: number];
}

/** A number that goes into a uniform block as float32. */
export interface Float {
  readonly float: number;
}
export const f32 = (float: number): Float => ({ float });

const SLOTS = 256;

/** Issues dispatches, in order: those of one call in one compute pass, submitted before the call returns. */
export class WebGpuCommands {
  readonly #watch: DeviceWatch;
  readonly #pipelines: Pipelines;
  /** Each submit writes it from the start: the queue orders that after what earlier submits read. */
  readonly #uniforms: GPUBuffer;
  readonly #staged = new ArrayBuffer(SLOTS * PARAMETER_SLOT);

  constructor(watch: DeviceWatch, pipelines: Pipelines) {
    this.#watch = watch;
    this.#pipelines = pipelines;
    this.#uniforms = watch.device.createBuffer({
      size: SLOTS * PARAMETER_SLOT,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  run(dispatches: readonly Dispatch[]): void {
    for (let first = 0; first < dispatches.length; first += SLOTS) {
      this.#submit(dispatches.slice(first, first + SLOTS));
    }
  }

  dispose(): void {
    this.#uniforms.destroy();
  }

  #submit(dispatches: readonly Dispatch[]): void {
    const { device } = this.#watch;
    const encoder = device.createCommandEncoder();
    const temporary: GPUBuffer[] = [];
    const bound = dispatches.map((dispatch) => this.#separate(dispatch, encoder, temporary));
    const view = new DataView(this.#staged);
    const pass = encoder.beginComputePass();
    for (const [slot, { shader, parameters, workgroups }] of dispatches.entries()) {
      parameters.forEach((value, i) => {
        const at = slot * PARAMETER_SLOT + 4 * i;
        if (typeof value === 'number') view.setUint32(at, value, true);
        else view.setFloat32(at, value.float, true);
      });
      const { pipeline, layout } = this.#pipelines[shader];
      const entries = bound[slot]!.map((buffer, i) => ({ binding: i + 1, resource: { buffer } }));
      const uniforms = { buffer: this.#uniforms, size: PARAMETER_SLOT };
      pass.setPipeline(pipeline);
      pass.setBindGroup(
        0,
        device.createBindGroup({ layout, entries: [{ binding: 0, resource: uniforms }, ...entries] }),
        [slot * PARAMETER_SLOT],
      );
      pass.dispatchWorkgroups(...workgroups);
    }
    pass.end();
    device.queue.writeBuffer(this.#uniforms, 0, this.#staged, 0, dispatches.length * PARAMETER_SLOT);
    device.queue.submit([encoder.finish()]);
    for (const buffer of temporary) buffer.destroy();
  }

  /**
   * WebGPU refuses a buffer that one dispatch reads by one binding and writes by another: what works in place reads a copy.
   */
  #separate({ shader, buffers }: Dispatch, encoder: GPUCommandEncoder, temporary: GPUBuffer[]): GPUBuffer[] {
    const { bindings } = SHADERS[shader];
    const written = buffers.filter((_, i) => bindings[i] === 'write');
    if (new Set(written).size !== written.length) {
      throw new MocoError('usage', `two results of ${shader} share one array: give each its own`);
    }
    return buffers.map((buffer, i) => {
      if (bindings[i] === 'write' || !written.includes(buffer)) return buffer;
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      const copy = this.#watch.device.createBuffer({ size: buffer.size, usage });
      encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
      temporary.push(copy);
      return copy;
    });
  }
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
