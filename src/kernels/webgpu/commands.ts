import { MocoError } from '../../errors.ts';
import type { Dispatch } from '../shader.ts';
import type { BindGroups } from './bind-groups.ts';
import type { DeviceWatch } from './device-watch.ts';
import { PARAMETER_SLOT, type Pipelines } from './pipelines.ts';

const SLOTS = 256;

/** Issues dispatches, in order: those of one call in one compute pass, submitted before the call returns. */
export class WebGpuCommands {
  readonly #watch: DeviceWatch;
  readonly #pipelines: Pipelines;
  readonly #groups: BindGroups;
  /** Each submit writes it from the start: the queue orders that after what earlier submits read. */
  readonly #uniforms: GPUBuffer;
  readonly #staged = new ArrayBuffer(SLOTS * PARAMETER_SLOT);

  constructor(watch: DeviceWatch, pipelines: Pipelines, groups: BindGroups) {
    this.#watch = watch;
    this.#pipelines = pipelines;
    this.#groups = groups;
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
    const uniforms = { buffer: this.#uniforms, size: PARAMETER_SLOT };
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
      const { pipeline, layout } = this.#pipelines.get(shader);
      pass ??= encoder.beginComputePass();
      pass.setPipeline(pipeline);
      const group = this.#groups.get(layout, uniforms, buffers);
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
  const { bindings } = shader;
  if (
    buffers.some(
      (b, i) =>
        bindings[i] === 'write' && buffers.some((c, j) => j < i && c === b && bindings[j] === 'write'),
    )
  ) {
    throw new MocoError('usage', `two results of ${shader.name} share one array: give each its own`);
  }
}

/** WebGPU refuses a buffer that one dispatch reads by one binding and writes by another: what works in place reads a copy. */
function isInPlace(dispatch: Dispatch): boolean {
  return dispatch.buffers.some((_, i) => isReadWhileWritten(dispatch, i));
}

function isReadWhileWritten({ shader, buffers }: Dispatch, i: number): boolean {
  const { bindings } = shader;
  return (
    bindings[i] === 'read' && buffers.some((other, j) => other === buffers[i] && bindings[j] === 'write')
  );
}
