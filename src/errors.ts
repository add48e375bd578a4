/** What went wrong, as a stable word that programs may test. Messages are for people and may change. */
export type ErrorCode =
  | 'usage' // an option, preset or argument is unknown or out of range
  | 'data-missing' // a path does not exist, or holds no images
  | 'data-invalid' // data is there but is not what its format says
  | 'image-corrupt' // one image cannot be decoded
  | 'checkpoint-invalid' // a checkpoint is torn, truncated, altered or of another shape
  | 'write-failed' // a file could not be written: disk full, no permission
  | 'config-mismatch' // a resumed run was given options that would change it
  | 'model-invalid' // an ONNX model is malformed
  | 'operator-unsupported' // an ONNX operator has no gradient rule
  | 'shape-mismatch' // tensors do not fit each other
  | 'loss-not-finite' // losses, gradients or statistics became NaN or infinite; weights are those of the step before
  | 'features-not-finite' // an encoder gives NaN or an infinity for an image that can be read
  | 'backend-unavailable' // the backend asked for does not exist here
  | 'out-of-memory' // a buffer could not be had
  | 'array-freed' // a device array was used after it was freed, or with a backend that did not allocate it
  | 'device-lost' // the GPU device went away
  | 'gpu-failed' // the GPU refused a command: an error of this package, of onnxruntime-web or of a driver
  | 'worker-died' // a worker crashed or exited
  | 'distributed-unavailable' // MPI is not to be had here, or launcher and library do not belong together
  | 'rank-failed' // another process of a distributed run hangs, or has other numbers than it should
  | 'aborted'; // an AbortSignal fired

/** Codes that mean "the caller's input is wrong": the command line exits with 2 for them, with 1 for all others. */
export const INPUT_ERRORS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'usage',
  'data-missing',
  'data-invalid',
  'checkpoint-invalid',
  'config-mismatch',
  'model-invalid',
  'operator-unsupported',
  'backend-unavailable',
  'distributed-unavailable',
]);

/** Every error that moco-web throws on purpose. `message` says what happened, where, and what to do. */
export class MocoError extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'MocoError';
    this.code = code;
  }
}

/** The message of anything that may be thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
