/** Preloaded into a worker: its WebAssembly heaps may not grow beyond so many MiB, as in a page with little memory. */
const pages = Number(process.env.MOCO_TEST_HEAP_MIB) * 16;
WebAssembly.Memory = class extends WebAssembly.Memory {
  constructor(descriptor) {
    super({ ...descriptor, maximum: Math.min(descriptor.maximum, pages) });
  }
};
