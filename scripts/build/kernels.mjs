/** For both: no relaxed SIMD, as results must not depend on the machine. The host makes the memory and bounds it. */
const COMMON = ['-O3', '--noAssert', '--runtime', 'stub', '--enable', 'simd', '--importMemory'];

/**
 * How wasm/index.ts is compiled: one module of kernels. Its memory is shared, so that workers can read weights without a
 * copy where the page allows it; 65536 pages are the 4 GiB that WebAssembly can address.
 */
export const KERNEL_OPTIONS = [
  ...COMMON,
  '--enable',
  'threads',
  '--sharedMemory',
  '--maximumMemory',
  '65536',
  '--initialMemory',
  '16',
];

/** How wasm/augment/index.ts is compiled: what makes views of images, each thread for itself. */
export const AUGMENT_OPTIONS = [...COMMON, '--initialMemory', '1'];
