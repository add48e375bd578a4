/** Numbers and names as a report writes them. */

/** 1234567.8 → 1,234,567.8; at most so many decimals. */
export const number = (value: number, decimals = 0): string =>
  value.toLocaleString('en-US', { maximumFractionDigits: decimals });

/** Four digits, however large or small. */
export function digits(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(2);
  return number(value, size >= 1000 ? 0 : size >= 10 ? 2 : 4);
}

export const withUnit = (value: number, unit: '' | '%'): string =>
  unit === '%' ? `${number(value, 2)} %` : digits(value);

export function duration(seconds: number): string {
  if (seconds < 90) return `${number(seconds, seconds < 10 ? 1 : 0)} s`;
  if (seconds < 5400) return `${number(seconds / 60, 1)} min`;
  return `${number(seconds / 3600, 1)} h`;
}

const NAMES: Readonly<Record<string, string>> = {
  resnet18: 'ResNet-18',
  resnet34: 'ResNet-34',
  resnet50: 'ResNet-50',
  moco: 'MoCo',
  simclr: 'SimCLR',
  'moco-v1': 'MoCo v1',
  'moco-v2': 'MoCo v2',
  'moco-cifar': 'MoCo (CIFAR)',
  'simclr-cifar': 'SimCLR (CIFAR)',
  cifar10: 'CIFAR-10',
  cifar100: 'CIFAR-100',
  stl10: 'STL-10',
};

/** A preset, encoder or data set as papers write it, where that is known. */
export const named = (word: unknown): string => NAMES[String(word)] ?? String(word);
