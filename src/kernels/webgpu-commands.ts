import { MocoError } from '../errors.ts';
import type { Pair } from './operands.ts';
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

  /** @throws MocoError usage where two results of a dispatch share one buffer; nothing is then submitted */
  run(dispatches: readonly Dispatch[]): void {
    for (const dispatch of dispatches) expectOwnResults(dispatch);
    // Of empty arrays nothing is to do, and Dawn writes a warning to stdout for a dispatch of nothing.
    const some = dispatches.filter(({ workgroups }) => !workgroups.includes(0));
    for (let first = 0; first < some.length; first += SLOTS) this.#submit(some.slice(first, first + SLOTS));
  }

  dispose(): void {
    this.#uniforms.destroy();
  }

  #submit(dispatches: readonly Dispatch[]): void {
    const { device } = this.#watch;
    const encoder = device.createCommandEncoder();
    const temporary: GPUBuffer[] = [];
    const view = new DataView(this.#staged);
    const uniforms = { binding: 0, resource: { buffer: this.#uniforms, size: PARAMETER_SLOT } };
    let pass: GPUComputePassEncoder | null = null;
    for (const [slot, dispatch] of dispatches.entries()) {
      const { shader, parameters, workgroups } = dispatch;
      let { buffers } = dispatch;
      if (isInPlace(dispatch)) {
        // The copy is of what earlier dispatches leave: they end before it.
        pass?.end();
        pass = null;
        buffers = this.#separate(dispatch, encoder, temporary);
      }
      parameters.forEach((value, i) => {
        const at = slot * PARAMETER_SLOT + 4 * i;
        if (typeof value === 'number') view.setUint32(at, value, true);
        else view.setFloat32(at, value.float, true);
      });
      const { pipeline, layout } = this.#pipelines[shader];
      const entries = buffers.map((buffer, i) => ({ binding: i + 1, resource: { buffer } }));
      pass ??= encoder.beginComputePass();
      pass.setPipeline(pipeline);
      // A group anew for each dispatch: one that was kept would keep buffers alive that their owners have freed.
      const group = device.createBindGroup({ layout, entries: [uniforms, ...entries] });
      pass.setBindGroup(0, group, [slot * PARAMETER_SLOT]);
      pass.dispatchWorkgroups(...workgroups);
    }
    pass?.end();
    device.queue.writeBuffer(this.#uniforms, 0, this.#staged, 0, dispatches.length * PARAMETER_SLOT);
    device.queue.submit([encoder.finish()]);
    for (const buffer of temporary) buffer.destroy();
  }

  /** The buffers of a dispatch, with copies of those that it reads by one binding and writes by another. */
  #separate(dispatch: Dispatch, encoder: GPUCommandEncoder, temporary: GPUBuffer[]): GPUBuffer[] {
    return dispatch.buffers.map((buffer, i) => {
      if (!isReadWhileWritten(dispatch, i)) return buffer;
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
      const copy = this.#watch.device.createBuffer({ size: buffer.size, usage });
      encoder.copyBufferToBuffer(buffer, 0, copy, 0, buffer.size);
      temporary.push(copy);
      return copy;
    });
  }
}

function expectOwnResults({ shader, buffers }: Dispatch): void {
  const { bindings } = SHADERS[shader];
  if (
    buffers.some(
      (b, i) =>
        bindings[i] === 'write' && buffers.some((c, j) => j < i && c === b && bindings[j] === 'write'),
    )
  ) {
    throw new MocoError('usage', `two results of ${shader} share one array: give each its own`);
  }
}

/** WebGPU refuses a buffer that one dispatch reads by one binding and writes by another: what works in place reads a copy. */
function isInPlace(dispatch: Dispatch): boolean {
  return dispatch.buffers.some((_, i) => isReadWhileWritten(dispatch, i));
}

function isReadWhileWritten({ shader, buffers }: Dispatch, i: number): boolean {
  const { bindings } = SHADERS[shader];
  return (
    bindings[i] === 'read' && buffers.some((other, j) => other === buffers[i] && bindings[j] === 'write')
  );
}

/** A shader whose bindings 1 and 2 are the target and the source of a pair, and whose parameters begin with their length. */
export function overPairs(
  shader: ShaderName,
  pairs: readonly Pair<GPUBuffer>[],
  otherBuffers: readonly GPUBuffer[] = [],
  otherParameters: (pair: number) => readonly Float[] = () => [],
): Dispatch[] {
  return pairs.map(({ target, source, length }, i) => ({
    shader,
    parameters: [length, ...otherParameters(i)],
    buffers: [target, source, ...otherBuffers],
    workgroups: elements(length),
  }));
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
