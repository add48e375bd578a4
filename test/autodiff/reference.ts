/**
 * The operators and their gradients in float64, written from their definitions as plain loops: nothing here knows how
 * src/autodiff does it. Beside each value stands a magnitude: the same sum with every term's absolute value, which is
 * what float32 rounding errors are proportional to.
 */

/** A float64 array with its shape; `magnitude` (where it was computed) has one entry a value. */
export interface Array64 {
  readonly shape: readonly number[];
  readonly data: Float64Array;
  readonly magnitude: Float64Array;
}

export function zeros(shape: readonly number[]): Array64 {
  const length = shape.reduce((product, size) => product * size, 1);
  return { shape, data: new Float64Array(length), magnitude: new Float64Array(length) };
}

export function from(shape: readonly number[], values: ArrayLike<number>): Array64 {
  const data = Float64Array.from(values);
  return { shape, data, magnitude: data.map(Math.abs) };
}

function add(target: Array64, at: number, term: number): void {
  target.data[at]! += term;
  target.magnitude[at]! += Math.abs(term);
}

export interface Geometry {
  readonly strides: readonly [number, number];
  /** top, left, bottom, right */
  readonly pads: readonly [number, number, number, number];
}

function outputSize(
  [height, width]: [number, number],
  [kh, kw]: [number, number],
  { strides, pads }: Geometry,
) {
  return [
    Math.floor((height + pads[0] + pads[2] - kh) / strides[0]) + 1,
    Math.floor((width + pads[1] + pads[3] - kw) / strides[1]) + 1,
  ] as const;
}

/** Every (output position, kernel position, input position) of a convolution, as flat indices. */
function eachTap(
  x: readonly number[],
  w: readonly number[],
  geometry: Geometry,
  visit: (y: number, w: number, x: number) => void,
): void {
  const [batch = 0, channels = 0, height = 0, width = 0] = x;
  const [outputs = 0, , kh = 0, kw = 0] = w;
  const [oh, ow] = outputSize([height, width], [kh, kw], geometry);
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < oh; i++)
        for (let j = 0; j < ow; j++)
          for (let c = 0; c < channels; c++)
            for (let a = 0; a < kh; a++)
              for (let b = 0; b < kw; b++) {
                const row = i * geometry.strides[0] + a - geometry.pads[0];
                const column = j * geometry.strides[1] + b - geometry.pads[1];
                if (row < 0 || row >= height || column < 0 || column >= width) continue;
                visit(
                  ((n * outputs + o) * oh + i) * ow + j,
                  ((o * channels + c) * kh + a) * kw + b,
                  ((n * channels + c) * height + row) * width + column,
                );
              }
}

export function conv(x: Array64, w: Array64, bias: Array64 | null, geometry: Geometry): Array64 {
  const [batch = 0, , height = 0, width = 0] = x.shape;
  const [outputs = 0, , kh = 0, kw = 0] = w.shape;
  const [oh, ow] = outputSize([height, width], [kh, kw], geometry);
  const y = zeros([batch, outputs, oh, ow]);
  eachTap(x.shape, w.shape, geometry, (iy, iw, ix) => {
    add(y, iy, w.data[iw]! * x.data[ix]!);
  });
  if (bias)
    y.data.forEach((_, i) => {
      add(y, i, bias.data[Math.floor(i / (oh * ow)) % outputs]!);
    });
  return y;
}

export function convBackward(x: Array64, w: Array64, dy: Array64, geometry: Geometry) {
  const dx = zeros(x.shape);
  const dw = zeros(w.shape);
  const db = zeros([w.shape[0]!]);
  eachTap(x.shape, w.shape, geometry, (iy, iw, ix) => {
    add(dx, ix, dy.data[iy]! * w.data[iw]!);
    add(dw, iw, dy.data[iy]! * x.data[ix]!);
  });
  const plane = dy.shape[2]! * dy.shape[3]!;
  dy.data.forEach((value, i) => {
    add(db, Math.floor(i / plane) % w.shape[0]!, value);
  });
  return { dx, dw, db };
}

/** The first maximum of each window, in row-major order, takes the gradient. */
export function maxPool(x: Array64, kernel: [number, number], geometry: Geometry) {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  const [oh, ow] = outputSize([height, width], kernel, geometry);
  const y = zeros([batch, channels, oh, ow]);
  const chosen = new Int32Array(y.data.length);
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let i = 0; i < oh; i++) {
      for (let j = 0; j < ow; j++) {
        let best = Number.NEGATIVE_INFINITY;
        const at = (plane * oh + i) * ow + j;
        for (let a = 0; a < kernel[0]; a++) {
          for (let b = 0; b < kernel[1]; b++) {
            const row = i * geometry.strides[0] + a - geometry.pads[0];
            const column = j * geometry.strides[1] + b - geometry.pads[1];
            if (row < 0 || row >= height || column < 0 || column >= width) continue;
            const value = x.data[(plane * height + row) * width + column]!;
            if (value > best) {
              best = value;
              chosen[at] = (plane * height + row) * width + column;
            }
          }
        }
        y.data[at] = best;
      }
    }
  }
  const backward = (dy: Array64): Array64 => {
    const dx = zeros(x.shape);
    dy.data.forEach((value, i) => {
      add(dx, chosen[i]!, value);
    });
    return dx;
  };
  return { y, backward };
}

export function globalAveragePool(x: Array64): Array64 {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  const y = zeros([batch, channels, 1, 1]);
  const plane = height * width;
  x.data.forEach((value, i) => {
    add(y, Math.floor(i / plane), value / plane);
  });
  return y;
}

export function globalAveragePoolBackward(shape: readonly number[], dy: Array64): Array64 {
  const dx = zeros(shape);
  const plane = shape[2]! * shape[3]!;
  dx.data.forEach((_, i) => {
    add(dx, i, dy.data[Math.floor(i / plane)]! / plane);
  });
  return dx;
}

/** w is [outputs, inputs] where `transposed`, else [inputs, outputs]. */
export function gemm(x: Array64, w: Array64, bias: Array64 | null, transposed: boolean) {
  const [rows = 0, inner = 0] = x.shape;
  const outputs = w.shape[transposed ? 0 : 1]!;
  const at = (o: number, k: number) => (transposed ? o * inner + k : k * outputs + o);
  const y = zeros([rows, outputs]);
  for (let n = 0; n < rows; n++) {
    for (let o = 0; o < outputs; o++) {
      if (bias) add(y, n * outputs + o, bias.data[o]!);
      for (let k = 0; k < inner; k++) add(y, n * outputs + o, x.data[n * inner + k]! * w.data[at(o, k)]!);
    }
  }
  const backward = (dy: Array64) => {
    const [dx, dw, db] = [zeros(x.shape), zeros(w.shape), zeros([outputs])];
    for (let n = 0; n < rows; n++) {
      for (let o = 0; o < outputs; o++) {
        const d = dy.data[n * outputs + o]!;
        add(db, o, d);
        for (let k = 0; k < inner; k++) {
          add(dx, n * inner + k, d * w.data[at(o, k)]!);
          add(dw, at(o, k), d * x.data[n * inner + k]!);
        }
      }
    }
    return { dx, dw, db };
  };
  return { y, backward };
}

export function relu(x: Array64): Array64 {
  return from(
    x.shape,
    x.data.map((value) => Math.max(value, 0)),
  );
}

export function reluBackward(x: Array64, dy: Array64): Array64 {
  return from(
    x.shape,
    dy.data.map((value, i) => (x.data[i]! > 0 ? value : 0)),
  );
}

/** Training BatchNorm by its definition: the gradient by the chain rule through mean and variance, term by term. */
export function batchNorm(x: Array64, gamma: Array64, beta: Array64, epsilon: number) {
  const [batch = 0, channels = 0, height = 0, width = 0] = x.shape;
  const plane = height * width;
  const count = batch * plane;
  const channelOf = (i: number) => Math.floor(i / plane) % channels;
  const mean = zeros([channels]);
  x.data.forEach((value, i) => {
    add(mean, channelOf(i), value / count);
  });
  const variance = zeros([channels]);
  x.data.forEach((value, i) => {
    add(variance, channelOf(i), (value - mean.data[channelOf(i)]!) ** 2 / count);
  });
  const inverse = variance.data.map((value) => 1 / Math.sqrt(value + epsilon));
  const y = zeros(x.shape);
  x.data.forEach((value, i) => {
    const c = channelOf(i);
    add(y, i, gamma.data[c]! * (value - mean.data[c]!) * inverse[c]!);
    add(y, i, beta.data[c]!);
  });
  const backward = (dy: Array64) => {
    const [dx, dGamma, dBeta] = [zeros(x.shape), zeros([channels]), zeros([channels])];
    const dVariance = new Float64Array(channels);
    const dMean = new Float64Array(channels);
    // What float32 sums of these have to add up, whatever cancels in them.
    const dVarianceSize = new Float64Array(channels);
    const dMeanSize = new Float64Array(channels);
    dy.data.forEach((d, i) => {
      const c = channelOf(i);
      const centered = x.data[i]! - mean.data[c]!;
      add(dGamma, c, d * centered * inverse[c]!);
      add(dBeta, c, d);
      const scaled = d * gamma.data[c]!;
      const change = -0.5 * scaled * centered * inverse[c]! ** 3;
      dVariance[c]! += change;
      dVarianceSize[c]! += Math.abs(change);
      dMean[c]! -= scaled * inverse[c]!;
      dMeanSize[c]! += Math.abs(scaled * inverse[c]!);
    });
    dy.data.forEach((d, i) => {
      const c = channelOf(i);
      const centered = x.data[i]! - mean.data[c]!;
      dx.data[i] =
        d * gamma.data[c]! * inverse[c]! + (dVariance[c]! * 2 * centered) / count + dMean[c]! / count;
      dx.magnitude[i] =
        Math.abs(d * gamma.data[c]! * inverse[c]!) +
        (dVarianceSize[c]! * 2 * Math.abs(centered)) / count +
        dMeanSize[c]! / count;
    });
    return { dx, dGamma, dBeta };
  };
  return { y, mean, variance, backward };
}
