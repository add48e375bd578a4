/** Everything that src/kernels/wasm.ts calls. Pointers are byte addresses, 16-byte aligned; lengths count float32. */
export { accumulate } from './accumulate';
export { ema } from './ema';
export { allFinite } from './finite';
export { infoNce } from './infonce';
export { topK } from './knn';
export { l2Normalize, l2NormalizeBackward } from './l2norm';
export { expArray, log1p } from './math';
export { allocate, free, heapBytes, liveBlocks } from './memory';
export { peak } from './peak';
export { enqueue } from './queue';
export { sgd } from './sgd';
export { summarize } from './summary';
