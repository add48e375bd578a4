/** The .npy format of NumPy, as far as a float32 matrix goes. Source: numpy.lib.format, version 1.0. */

/** Of the header: a multiple of 64, and room for two numbers of any size. */
export const NPY_HEADER_BYTES = 128;

/** What stands before the values of a matrix [rows, dim], little-endian and row-major. */
export function npyHeader(rows: number, dim: number): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${dim}), }`;
  const bytes = new Uint8Array(NPY_HEADER_BYTES).fill(0x20);
  bytes.set([0x93, ...new TextEncoder().encode('NUMPY'), 1, 0, bytes.length - 10, 0]);
  bytes.set(new TextEncoder().encode(text), 10);
  bytes[bytes.length - 1] = 0x0a;
  return bytes;
}
