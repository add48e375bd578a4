import type { NamedTensor } from '../formats/safetensors.ts';

/** In words, the first tensor that holds NaN or an infinity: 'encoder_q.fc.bias holds NaN'. Null: none does. */
export function notFinite(tensors: ReadonlyMap<string, NamedTensor>): string | null {
  for (const [name, { dtype, data }] of tensors) {
    if (dtype !== 'F32') continue;
    for (let i = 0; i < data.length; i++) {
      if (!Number.isFinite(data[i])) return `${name} holds ${data[i]}`;
    }
  }
  return null;
}
