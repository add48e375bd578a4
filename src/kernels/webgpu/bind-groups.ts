/** Beyond so many all are made anew; a step of ResNet-50 has about 500. */
const MOST_GROUPS = 4096;

interface Kept {
  readonly group: GPUBindGroup;
  readonly key: string;
  readonly buffers: readonly GPUBuffer[];
}

/**
 * Bind groups from dispatch to dispatch: making one anew doubles what a dispatch costs the host. A group keeps its buffers
 * alive, so only those are kept whose buffers all belong to arrays of ours, which say when they are freed; a buffer of
 * onnxruntime's gets a group anew each time.
 */
export class BindGroups {
  readonly #device: GPUDevice;
  /** By layout and the numbers of its buffers. */
  readonly #kept = new Map<string, Kept>();
  /** The number of each buffer of ours, and the groups with it. */
  readonly #own = new Map<GPUBuffer, { readonly number: number; readonly groups: Set<Kept> }>();
  readonly #layouts = new Map<GPUBindGroupLayout, number>();
  #next = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** How many are kept. */
  get count(): number {
    return this.#kept.size;
  }

  /** From now on groups with it are kept, until `forget`. */
  own(buffer: GPUBuffer): void {
    this.#own.set(buffer, { number: this.#next++, groups: new Set() });
  }

  /** Lets go of all groups with a buffer. */
  forget(buffer: GPUBuffer): void {
    for (const kept of this.#own.get(buffer)?.groups ?? []) this.#drop(kept);
    this.#own.delete(buffer);
  }

  /** @param uniforms binding 0 @param buffers bindings 1, 2, …, in whole */
  get(layout: GPUBindGroupLayout, uniforms: GPUBufferBinding, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const own = buffers.map((buffer) => this.#own.get(buffer));
    if (!own.every((entry) => entry !== undefined)) return this.#make(layout, uniforms, buffers);
    const key = [this.#numberOf(layout), ...own.map(({ number }) => number)].join();
    const found = this.#kept.get(key);
    if (found) return found.group;
    if (this.#kept.size >= MOST_GROUPS) for (const kept of this.#kept.values()) this.#drop(kept);
    const kept = { group: this.#make(layout, uniforms, buffers), key, buffers };
    this.#kept.set(key, kept);
    for (const { groups } of own) groups.add(kept);
    return kept.group;
  }

  #make(layout: GPUBindGroupLayout, uniforms: GPUBufferBinding, buffers: readonly GPUBuffer[]): GPUBindGroup {
    const resources = [uniforms, ...buffers.map((buffer) => ({ buffer }))];
    const entries = resources.map((resource, binding) => ({ binding, resource }));
    return this.#device.createBindGroup({ layout, entries });
  }

  #numberOf(layout: GPUBindGroupLayout): number {
    const number = this.#layouts.get(layout) ?? this.#layouts.size;
    this.#layouts.set(layout, number);
    return number;
  }

  #drop(kept: Kept): void {
    this.#kept.delete(kept.key);
    for (const buffer of kept.buffers) this.#own.get(buffer)?.groups.delete(kept);
  }
}
