/** A float32 vector in the memory of a backend. Whoever allocated it frees it. */
export interface DeviceArray {
  readonly length: number;
}
