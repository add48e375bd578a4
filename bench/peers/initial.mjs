// What all peers begin with, for those in JavaScript: the folder that run.mjs hands over.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ARRAYS = { F32: Float32Array, I64: BigInt64Array };
const RUNNING = /\.(running_mean|running_var|num_batches_tracked)$/;

/**
 * @returns spec; encoder(name) → its parameters, [name, { shape, data }] each; groups(name) → of 'queries' or 'keys' the
 * images, one group's after the other; queue { shape, data }; orderOf(step) → ShuffleBN's permutation, steps counted from 0
 */
export function readInitial(folder) {
  const spec = JSON.parse(readFileSync(join(folder, 'spec.json'), 'utf8'));
  const tensors = readSafetensors(readFileSync(join(folder, 'initial.safetensors')));
  const { batchSize, groups, imageSize } = spec;
  const length = 3 * imageSize ** 2;
  const orders = tensors.get('orders');
  return {
    spec,
    queue: tensors.get('queue'),
    encoder: (name) =>
      [...tensors]
        .filter(([full]) => full.startsWith(`${name}.`) && !RUNNING.test(full))
        .map(([full, tensor]) => [full.slice(name.length + 1), tensor]),
    orderOf(step) {
      const [count] = orders.shape;
      const first = (step % count) * batchSize;
      return Array.from(orders.data.subarray(first, first + batchSize), Number);
    },
    /** The images at these positions of the batch, [positions, 3, size, size]. */
    images(name, positions) {
      const { data } = tensors.get(name);
      const chosen = new Float32Array(positions.length * length);
      for (const [row, position] of positions.entries()) {
        chosen.set(data.subarray(position * length, (position + 1) * length), row * length);
      }
      return chosen;
    },
    /** Row n of a batch belongs to group n mod groups. @param order which position of the batch is in a row */
    positions: (group, order) =>
      Array.from({ length: batchSize / groups }, (_, i) => group + i * groups).map(
        (row) => order?.[row] ?? row,
      ),
  };
}

function readSafetensors(bytes) {
  const begin = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, begin));
  const tensors = new Map();
  for (const [name, { dtype, shape, data_offsets: offsets }] of Object.entries(header)) {
    // A copy, because a view has to begin at a multiple of its element's size.
    const raw = new Uint8Array(bytes.subarray(begin + offsets[0], begin + offsets[1]));
    tensors.set(name, { shape, data: new ARRAYS[dtype](raw.buffer) });
  }
  return tensors;
}
