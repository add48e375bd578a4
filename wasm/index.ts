/** Everything that src/kernels calls. Pointers are byte addresses, 16-byte aligned; lengths count float32. */
export { accumulate } from './accumulate';
export { adamw } from './adamw';
export { copy } from './copy';
export { crossEntropy } from './cross-entropy';
export { ema } from './ema';
export { enqueue } from './enqueue';
export { finite } from './finite';
export { infonce, infonceScratch } from './infonce';
export { l2norm } from './l2norm';
export { l2normBackward } from './l2norm-backward';
export { lars, larsNorms } from './lars';
export { expArray, log1p } from './math';
export { allocate, free, heapBytes, liveBlocks } from './memory';
export { ntxentGradient, ntxentScratch, ntxentSums } from './ntxent';
export { peak } from './peak';
export { sgd } from './sgd';
export { summary } from './summary';
export { topk } from './topk';
