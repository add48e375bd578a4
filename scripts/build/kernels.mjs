/**
 * How wasm/index.ts is compiled: one module of kernels. Its memory is shared, so that workers can read weights without a
 * copy where the page allows it; 65536 pages are the 4 GiB that WebAssembly can address. No relaxed SIMD: results must not
 * depend on the machine.
 */
export const KERNEL_OPTIONS = [
  '-O3',
  '--noAssert',
  '--runtime',
  'stub',
  '--enable',
  'simd',
  '--enable',
  'threads',
  '--importMemory',
  '--sharedMemory',
  '--maximumMemory',
  '65536',
  '--initialMemory',
  '16',
];
