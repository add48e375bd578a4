/**
 * What the scripts of bench/, the offline bundle and the bench page measure alike. Nothing here knows where the package or
 * onnxruntime-web comes from: whoever measures hands them over.
 */
export { createClock } from './clock.mjs';
export { flopOf, measureConvolution, nameOf, SMALL_CONVOLUTIONS } from './convolutions.mjs';
export { measureInfoNce, SHAPES as KERNEL_SHAPES, SMALL_SHAPES as SMALL_KERNEL_SHAPES } from './kernels.mjs';
export { floorOf, limitsOfGpu, limitsOfWasm } from './limits.mjs';
export { ENCODERS, largestDifference, trainLosses } from './losses.mjs';
export { NETWORKS } from './networks.mjs';
export { SHAPES as CONVOLUTIONS } from './resnet-convolutions.mjs';
export { sessionsOfGpu, sessionsOfWasm } from './sessions.mjs';
export { timeOfSteps } from './step-time.mjs';
