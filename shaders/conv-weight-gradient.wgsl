// The gradient of a convolution's weights, first of two stages:
//
//     dW[f, c, ky, kx] = Σ over images n and output pixels (oy, ox) of dy[n, f, oy, ox] · x[n, c, oy·sy + ky·dy − top, ox·sx + kx·dx − left]
//
// A product of matrices, filters × columns (a channel at a tap), over pixels; x outside of the image is 0. No im2col: each workgroup
// gathers what it needs of x, 16 pixels at a time, into workgroup memory. Pixels are split into slices, whose sums
// conv-weight-gradient-sums.wgsl adds up in their order.
//
// One workgroup: 4·ROWS filters × 4·COLUMNS columns of a group × one slice; ROWS × COLUMNS invocations, each with 4 × 4 sums in
// registers. A sum runs over the pixels of its slice one after the other, whatever the tile: its bits do not depend on it.
//
// Bindings: dy [N, F, OH, OW], x [N, C, H, W], sums [slices, F, C/groups·KH·KW] (written).
// Bytes: 4·pixels·F·columns·(1/(4·ROWS) + 1/(4·COLUMNS)) through the caches; writes 4·slices·F·columns.
// Operations: 2·pixels·F·columns.

struct Params {
  batch: u32,
  channels: u32,
  height: u32,
  width: u32,
  filters: u32,
  out_height: u32,
  out_width: u32,
  kernel_height: u32,
  kernel_width: u32,
  stride_y: u32,
  stride_x: u32,
  top: u32,
  left: u32,
  dilation_y: u32,
  dilation_x: u32,
  groups: u32,
  slice_pixels: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;
@group(0) @binding(3) var<storage, read_write> sums: array<f32>;

// Chosen by the shape (src/kernels/conv-weight-gradient.ts); their product is a multiple of DEPTH.
override ROWS: u32 = 8u;
override COLUMNS: u32 = 8u;
const DEPTH = 16u;

// [DEPTH pixels][filters], and [DEPTH pixels][columns], in fours.
var<workgroup> gradients: array<vec4f, DEPTH * ROWS>;
var<workgroup> seen: array<vec4f, DEPTH * COLUMNS>;
// Of each column: its channel (−1: there is none), and its tap's place relative to the pixel's.
var<workgroup> places: array<vec3i, 4u * COLUMNS>;

// The pixel that an invocation gathers.
struct Pixel {
  image: u32,
  // In its image.
  index: u32,
  // Where the window begins in x, but for the padding.
  y: i32,
  x: i32,
  // Whether it is of the slice.
  is_there: bool,
}

fn pixel_at(pixel: u32, end: u32) -> Pixel {
  let plane = params.out_height * params.out_width;
  let image = pixel / plane;
  let index = pixel - image * plane;
  let row = index / params.out_width;
  let y = i32(row * params.stride_y);
  return Pixel(image, index, y, i32((index - row * params.out_width) * params.stride_x), pixel < end);
}

// dy of four filters of a group from `first` on; 0 for those that are not there.
fn gradients_at(pixel: Pixel, group: u32, first: u32) -> vec4f {
  let plane = params.out_height * params.out_width;
  let each = params.filters / params.groups;
  let start = (pixel.image * params.filters + group * each + first) * plane + pixel.index;
  var values = vec4f();
  for (var i = 0u; i < 4u; i++) {
    if (pixel.is_there && first + i < each) {
      values[i] = dy[start + i * plane];
    }
  }
  return values;
}

// x of four columns.
fn seen_at(pixel: Pixel, first: u32) -> vec4f {
  var values = vec4f();
  for (var i = 0u; i < 4u; i++) {
    let place = places[first + i];
    let at = vec2i(pixel.y + place.y, pixel.x + place.z);
    let is_inside = at.x >= 0 && at.x < i32(params.height) && at.y >= 0 && at.y < i32(params.width);
    if (pixel.is_there && place.x >= 0 && is_inside) {
      let row = (pixel.image * params.channels + u32(place.x)) * params.height + u32(at.x);
      values[i] = x[row * params.width + u32(at.y)];
    }
  }
  return values;
}

@compute @workgroup_size(COLUMNS, ROWS)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_id) place: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let filters = params.filters / params.groups;
  let channels = params.channels / params.groups;
  let taps = params.kernel_height * params.kernel_width;
  let columns = channels * taps;
  let across = (columns + 4u * COLUMNS - 1u) / (4u * COLUMNS);
  let down = (filters + 4u * ROWS - 1u) / (4u * ROWS);
  let tile = workgroup.y * workgroups.x + workgroup.x;
  let group = tile / (across * down);
  if (group >= params.groups) {
    return;
  }
  let first_filter = 4u * ROWS * (tile / across % down);
  let first_column = 4u * COLUMNS * (tile % across);
  for (var i = lane; i < 4u * COLUMNS; i += ROWS * COLUMNS) {
    let column = first_column + i;
    let tap = column % taps;
    let y = i32(tap / params.kernel_width * params.dilation_y) - i32(params.top);
    let right = i32(tap % params.kernel_width * params.dilation_x) - i32(params.left);
    places[i] = vec3i(select(-1, i32(group * channels + column / taps), column < columns), y, right);
  }

  // Of 16 pixels, the one that an invocation gathers.
  let k = lane % DEPTH;
  let begin = workgroup.z * params.slice_pixels;
  let end = min(begin + params.slice_pixels, params.batch * params.out_height * params.out_width);
  var s0 = vec4f();
  var s1 = vec4f();
  var s2 = vec4f();
  var s3 = vec4f();
  for (var pixel = begin; pixel < end; pixel += DEPTH) {
    workgroupBarrier();
    let own = pixel_at(pixel + k, end);
    for (var four = lane / DEPTH; four < ROWS; four += ROWS * COLUMNS / DEPTH) {
      gradients[k * ROWS + four] = gradients_at(own, group, first_filter + 4u * four);
    }
    for (var four = lane / DEPTH; four < COLUMNS; four += ROWS * COLUMNS / DEPTH) {
      seen[k * COLUMNS + four] = seen_at(own, 4u * four);
    }
    workgroupBarrier();
    for (var d = 0u; d < DEPTH; d++) {
      let g = gradients[d * ROWS + place.y];
      let s = seen[d * COLUMNS + place.x];
      s0 += g.x * s;
      s1 += g.y * s;
      s2 += g.z * s;
      s3 += g.w * s;
    }
  }

  let all = array<vec4f, 4>(s0, s1, s2, s3);
  for (var i = 0u; i < 4u; i++) {
    let row = first_filter + 4u * place.y + i;
    for (var j = 0u; j < 4u; j++) {
      let column = first_column + 4u * place.x + j;
      if (row < filters && column < columns) {
        sums[(workgroup.z * params.filters + group * filters + row) * columns + column] = all[i][j];
      }
    }
  }
}
