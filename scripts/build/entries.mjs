/** What package.json exports, by the name of its file in dist/: the source that it is built from. */
export const ENTRIES = {
  index: 'src/index.ts',
  kernels: 'src/kernels.ts',
  onnx: 'src/onnx.ts',
  conformance: 'src/conformance/index.ts',
};
